"""What one would do with a free hand: original pixels, no quantisation, every distinct threshold, half-open boxes."""

from wsol.protocols.base import Protocol, protocol

EXACT = protocol(
    Protocol(
        name="exact",
        paper="wsol",
        sources=dict.fromkeys(("space", "resize", "tau", "component", "box_end", "iou"), "our choice; see DESIGN of protocols in README"),
    )
)
