"""Speed of fusion_sched.pid beside its peers, in one run on one core."""
