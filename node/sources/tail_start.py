"""Where to begin in a file that is seen for the first time."""

import os

_BLOCK_BYTES = 64 * 1024


def last_lines(descriptor: int, size: int, count: int, longest: int) -> tuple[int, bool]:
    """The offset where the last `count` whole lines begin, and whether it lies inside a line that is too long.

    An unfinished line at the end does not count: it is still to come, from its beginning. So with 0 lines the offset is
    that after the last line feed. No more than `count` times `longest` bytes are looked at.
    """
    wanted = count + 1
    lowest = max(0, size - wanted * (longest + 2))
    position, first_feed = size, -1
    while position > lowest:
        begin = max(lowest, position - _BLOCK_BYTES)
        block = os.pread(descriptor, position - begin, begin)
        feeds = block.count(b"\n")
        if feeds >= wanted:
            return begin + _before_last(block, wanted) + 1, False
        if feeds:
            first_feed = begin + block.find(b"\n")
        wanted -= feeds
        position = begin
    if lowest == 0:
        return 0, False
    return (first_feed + 1, False) if first_feed >= 0 else (size, True)


def _before_last(block: bytes, count: int) -> int:
    position = len(block)
    for _ in range(count):
        position = block.rfind(b"\n", 0, position)
    return position
