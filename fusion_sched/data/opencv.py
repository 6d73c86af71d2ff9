"""OpenCV, without its own messages and with one thread: clips are read by processes.

Everything that needs it imports `cv2` from here.
"""

import os

# FFmpeg inside OpenCV prints to stderr what we say better; it looks at this once.
os.environ.setdefault("OPENCV_FFMPEG_LOGLEVEL", "-8")
try:
    import cv2
except ImportError as error:
    raise ImportError(
        f"OpenCV does not load: {error}. Where libGL.so.1 is missing, either install it "
        "(`apt-get install libgl1`), or take OpenCV without windows (`pip uninstall "
        "opencv-python`, then `pip install opencv-python-headless`)"
    ) from error

__all__ = ["cv2"]

VERSION = tuple(int(part) for part in cv2.__version__.split(".")[:2])
(cv2.utils.logging if VERSION >= (4, 13) else cv2).setLogLevel(0)
cv2.setNumThreads(1)
