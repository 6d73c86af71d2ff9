"""What a run writes: `trace.jsonl`, the record of a run, and its schema, protocol and trackers."""

from fusion_sched.runlog.reader import (
    GENERALISING,
    STORED,
    Trace,
    hand_over_epoch,
    hand_over_probe,
    inside,
    main_reading,
    read_trace,
)
from fusion_sched.runlog.schema import (
    AFTER_EPOCH,
    AT_END,
    AT_HAND_OVER,
    FORMAT,
    TRACE_FILE,
    diagnosis_fields,
    diagnosis_from,
    held_out_fields,
    held_out_from,
    stage_fields,
)
from fusion_sched.runlog.writer import NullTraceWriter, TraceWriter

__all__ = [
    "AFTER_EPOCH",
    "AT_END",
    "AT_HAND_OVER",
    "FORMAT",
    "GENERALISING",
    "STORED",
    "TRACE_FILE",
    "NullTraceWriter",
    "Trace",
    "TraceWriter",
    "diagnosis_fields",
    "diagnosis_from",
    "hand_over_epoch",
    "hand_over_probe",
    "held_out_fields",
    "held_out_from",
    "inside",
    "main_reading",
    "read_trace",
    "stage_fields",
]
