"""A chart library's SVG made into one picture that stands in a page: titled, with ids of its own, without style."""

from __future__ import annotations

import io
import math
import re
from xml.etree import ElementTree as ET

SVG = "http://www.w3.org/2000/svg"


def accessible(svg: str, prefix: str, title: str, description: str) -> str:
    """``svg`` as one picture with a title and a description; its ids begin with ``prefix``, and it has no style.

    What a library says of single marks is taken out: the table beside the chart is for that.
    """
    ET.register_namespace("", SVG)
    root = ET.fromstring(svg)
    _prune(root)
    for element in root.iter():
        for key in list(element.attrib):
            value = element.attrib[key]
            if key == "id":
                element.set("id", f"{prefix}-{value}")
            elif "url(#" in value:
                element.set(key, value.replace("url(#", f"url(#{prefix}-"))
            elif key.endswith("}href") and value.startswith("#"):
                element.set(key, f"#{prefix}-{value[1:]}")
            elif key.startswith("aria-") or key in {"role", "class", "style", "font-family"}:
                del element.attrib[key]
            elif key not in {"viewBox", "version"}:
                element.set(key, _NUMBERS.sub(_shorter, value))
    for key in ("width", "height", "version"):
        root.attrib.pop(key, None)
    root.set("role", "img")
    root.set("aria-labelledby", f"{prefix}-title")
    root.set("aria-describedby", f"{prefix}-desc")
    root.set("class", "chart")
    for place, (tag, text) in enumerate((("title", title), ("desc", description))):
        element = ET.Element(f"{{{SVG}}}{tag}", {"id": f"{prefix}-{tag}"})
        element.text = text
        root.insert(place, element)
    out = io.BytesIO()
    ET.ElementTree(root).write(out, encoding="utf-8", xml_declaration=False, short_empty_elements=False)
    return out.getvalue().decode("utf-8").replace(f' xmlns="{SVG}"', "")


_NUMBERS = re.compile(r"-?\d+\.\d{2,}")


def _shorter(match: re.Match[str]) -> str:
    value = float(match.group())
    return f"{value:.2f}".rstrip("0").rstrip(".") if math.isfinite(value) else match.group()


def _prune(element: ET.Element) -> None:
    """Take out paths that draw nothing, and groups that then are empty."""
    for child in list(element):
        _prune(child)
        tag = child.tag.removeprefix(f"{{{SVG}}}")
        empty_path = tag == "path" and child.get("d", "") in {"", "M0,0h0v0h0Z"}
        backdrop = child.get("class") == "background" and not {"fill", "stroke"} & set(child.keys())
        if backdrop or child.get("display") == "none" or empty_path or (tag == "g" and len(child) == 0):
            element.remove(child)
