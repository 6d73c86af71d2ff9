"""Research on the method: each study is run by one command and kept part by part."""
