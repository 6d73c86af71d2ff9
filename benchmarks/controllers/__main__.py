"""python -m benchmarks.controllers: see study.py."""

from benchmarks.controllers.study import main

if __name__ == "__main__":
    main()
