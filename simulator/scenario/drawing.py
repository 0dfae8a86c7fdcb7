"""A lane drawn to scale: from the side with a body passing, and below it which beams that body breaks when.

Pure: a lane and a body in, an SVG out. Colours hold on light and dark paper.
"""

import drawsvg as draw

from simulator.plant import beams
from simulator.plant.geometry import Geometry
from simulator.plant.makes import OPEN, ArmKind
from simulator.plant.silhouette import Shape, front_spans

_SCALE = 0.28  # pixels a millimetre
_MARGIN, _CHART_ROW, _WIDTH_MIN = 60, 18, 640
_INK, _FAINT, _BEAM, _BODY, _THING, _ARM = "#6b7280", "#9ca3af", "#dc2626", "#3b82f6", "#f59e0b", "#10b981"
_FONT = "sans-serif"


def lane_svg(title: str, geometry: Geometry, arm: ArmKind, shape: Shape, speed_mmps: int, rider: str) -> str:
    """The drawing as text. The body stands with its front at the arm; the chart is of its walk at `speed_mmps`."""
    from_mm = min(geometry.stand_mm, shape.front_mm - 100) - 200
    front_mm = geometry.arm_mm + shape.core_rear_mm // 2
    left_mm = min(-500, front_mm - shape.rear_mm - 100)
    right_mm = max(geometry.last_mm + 500, front_mm - shape.front_mm + 100)
    top_mm = max(shape.high_mm, arm.height_mm, *(beam.z_mm for beam in geometry.beams)) + 150
    width = max(_WIDTH_MIN, round((right_mm - left_mm) * _SCALE) + 2 * _MARGIN)
    side = round(top_mm * _SCALE)
    chart_top = side + 138
    height = chart_top + _CHART_ROW * len(geometry.beams) + 60
    picture = draw.Drawing(width, height, font_family=_FONT)

    def x(mm: float) -> float:
        return _MARGIN + (mm - left_mm) * _SCALE

    def z(mm: float) -> float:
        return 40 + side - mm * _SCALE

    picture.append(draw.Text(title, 15, _MARGIN, 22, fill=_INK, font_weight="bold"))
    picture.append(draw.Line(x(left_mm), z(0), x(right_mm), z(0), stroke=_INK, stroke_width=2))
    for mm in range(left_mm // 500 * 500 + 500, right_mm + 1, 500):
        picture.append(draw.Line(x(mm), z(0), x(mm), z(0) + 5, stroke=_INK))
        picture.append(draw.Text(f"{mm / 1000:.1f} m", 10, x(mm), z(0) + 17, fill=_INK, text_anchor="middle"))
    for mm in range(500, top_mm, 500):
        picture.append(draw.Line(x(left_mm), z(mm), x(right_mm), z(mm), stroke=_FAINT, stroke_width=0.4))
        picture.append(draw.Text(f"{mm / 1000:.1f} m", 10, x(left_mm) - 6, z(mm) + 3, fill=_INK, text_anchor="end"))
    for segment in shape.segments:
        colour = _BODY if segment.core or segment.name in ("leg", "thighs", "legs") else _THING
        picture.append(
            draw.Rectangle(
                x(front_mm - segment.offset_mm - segment.length_mm),
                z(segment.high_mm),
                segment.length_mm * _SCALE,
                (segment.high_mm - segment.low_mm) * _SCALE,
                fill=colour,
                fill_opacity=0.35,
                stroke=colour,
                rx=4,
            )
        )
    if arm.name != OPEN.name:
        bottom_mm = min(arm.clearance_mm, arm.height_mm)
        picture.append(
            draw.Line(
                x(geometry.arm_mm),
                z(arm.height_mm),
                x(geometry.arm_mm),
                z(bottom_mm),
                stroke=_ARM,
                stroke_width=5,
                stroke_linecap="round",
            )
        )
        picture.append(
            draw.Text(arm.name, 11, x(geometry.arm_mm), z(arm.height_mm) - 8, fill=_ARM, text_anchor="middle")
        )
    for n, beam in enumerate(geometry.beams):
        hit = any(low <= front_mm <= high for low, high in front_spans(shape, beam.x_mm, beam.z_mm, (), False))
        picture.append(
            draw.Circle(x(beam.x_mm), z(beam.z_mm), 5, stroke=_BEAM, stroke_width=2, fill=_BEAM if hit else "none")
        )
        picture.append(draw.Text(str(n), 10, x(beam.x_mm) + 8, z(beam.z_mm) - 5, fill=_BEAM))
    picture.append(draw.Text(f"Rider: {_readable(rider)}, walking this way →", 12, _MARGIN, z(0) + 38, fill=_INK))
    _legend(picture, z(0) + 58)
    _chart(picture, geometry, shape, speed_mmps, from_mm, chart_top, width)
    text = picture.as_svg()
    assert isinstance(text, str)
    return text


def _readable(rider: str) -> str:
    return rider.replace("_", " ")


def _legend(picture: draw.Drawing, y: float) -> None:
    at: float = _MARGIN
    for colour, text in (
        (_BEAM, "beam (filled: broken now)"),
        (_BODY, "the person"),
        (_THING, "what they have along"),
        (_ARM, "the arm"),
    ):
        picture.append(draw.Rectangle(at, y - 8, 9, 9, fill=colour))
        picture.append(draw.Text(text, 10, at + 13, y, fill=_INK))
        at += 30 + 5.4 * len(text)


def _chart(
    picture: draw.Drawing, geometry: Geometry, shape: Shape, speed_mmps: int, from_mm: int, top: int, width: int
) -> None:
    """Which beams are broken when, while the body walks through."""
    to_mm = geometry.last_mm + shape.rear_mm + 200
    end_ms = (to_mm - from_mm) * 1000 // speed_mmps
    path = ((0, from_mm), (end_ms, to_mm))
    across = width - 2 * _MARGIN
    title = f"Which beams are broken when, at {speed_mmps / 1000:.2f} m/s"
    picture.append(draw.Text(title, 12, _MARGIN, top - 10, fill=_INK))
    # Rows of one height together, the highest first: so they are read as a detector reads them.
    order = sorted(range(len(geometry.beams)), key=lambda n: (-geometry.beams[n].z_mm, n))
    for row, n in enumerate(order):
        beam = geometry.beams[n]
        y = top + row * _CHART_ROW
        picture.append(draw.Text(str(n), 10, _MARGIN - 8, y + 11, fill=_BEAM, text_anchor="end"))
        if row == 0 or beam.z_mm != geometry.beams[order[row - 1]].z_mm:
            height = f"{beam.z_mm / 1000:g} m"
            picture.append(draw.Text(height, 10, width - _MARGIN + 6, y + 11, fill=_INK))
        picture.append(draw.Line(_MARGIN, y + 13, width - _MARGIN, y + 13, stroke=_FAINT, stroke_width=0.4))
        spans = front_spans(shape, beam.x_mm, beam.z_mm, (), False)
        edges = beams.edges(path, spans) if spans else []
        for (start_ms, _), (stop_ms, _) in zip(edges[::2], edges[1::2], strict=False):
            left = _MARGIN + start_ms * across / end_ms
            picture.append(draw.Rectangle(left, y + 2, max(1, (stop_ms - start_ms) * across / end_ms), 11, fill=_BEAM))
    bottom = top + len(geometry.beams) * _CHART_ROW
    step_ms = 500 if end_ms < 5000 else 1000
    for at_ms in range(0, end_ms + 1, step_ms):
        at = _MARGIN + at_ms * across / end_ms
        picture.append(draw.Line(at, bottom, at, bottom + 4, stroke=_INK))
        picture.append(draw.Text(f"{at_ms / 1000:.1f} s", 10, at, bottom + 16, fill=_INK, text_anchor="middle"))
