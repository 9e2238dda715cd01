"""What operators and running processes know by its name: settings, topics, consumer groups."""

from collections.abc import Iterator

from crm_testing.baseline.folder import Shape


def list_settings_breaks(released: Shape, present: Shape) -> Iterator[str]:
    """Yield what a site's settings of the release would lack, or say in vain."""
    old, new = released["variables"], present["variables"]
    for name, setting in old.items():
        if name not in new:
            yield f"{name}: read no more"
        elif lost := sorted(set(setting["choices"]) - set(new[name]["choices"] or setting["choices"])):
            yield f"{name}: {', '.join(lost)} taken no more"
        elif new[name]["choices"] and not setting["choices"]:
            yield f"{name}: takes some values alone now"
    for name, setting in new.items():
        if setting["required"] and not old.get(name, {}).get("required"):
            yield f"{name}: required now"
    for command, dsns in released["commands"].items():
        if command not in present["commands"]:
            yield f"{command}: command taken away"
        for dsn in sorted(set(present["commands"].get(command, ())) - set(dsns)):
            yield f"{command}: needs {dsn} now"


def list_bus_breaks(released: Shape, present: Shape) -> Iterator[str]:
    """Yield what old and new processes would not share: another group begins anew, another topic is never read."""
    for topic, owner in released["topics"].items():
        if topic not in present["topics"]:
            yield f"topic {topic}: taken away"
        elif present["topics"][topic] != owner:
            yield f"topic {topic}: published by {present['topics'][topic]} instead of {owner}"
    for group, topics in released["groups"].items():
        if group not in present["groups"]:
            yield f"group {group}: taken away"
        for topic in sorted(set(topics) - set(present["groups"].get(group, topics))):
            yield f"group {group}: reads {topic} no more"
