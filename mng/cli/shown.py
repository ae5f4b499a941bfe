"""What of the options that were given may be kept in the log."""

from __future__ import annotations

from mng.cli.options import Options, flag_name, is_secret


def argv(o: Options) -> list[str]:
    """Words that would set the same options, values of secret ones masked."""
    words: list[str] = []
    for name in type(o).model_fields:
        if name in o.model_fields_set:
            value, secret = getattr(o, name), is_secret(type(o), name)
            if isinstance(value, bool):
                words.append(f"--{'' if value else 'no-'}{flag_name(name)}")
                continue
            many = [f"{k}={v}" for k, v in value.items()] if isinstance(value, dict) else value
            for one in many if isinstance(many, list) else [many]:
                words.append(f"--{flag_name(name)}={'***' if secret else one}")
    return words


def secrets(o: Options) -> list[str]:
    """What of the values of secret options is nowhere to be seen: each whole, and what it says after = or :."""
    found: list[str] = []
    asked = getattr(o, "kept", ()) if getattr(o, "log_commands", False) else ()
    for name in o.model_fields_set.difference(asked):
        if is_secret(type(o), name) and (value := getattr(o, name)):
            texts = value.values() if isinstance(value, dict) else value if isinstance(value, list) else [value]
            for text in map(str, texts):
                found += [text, *(text.partition(sign)[2] for sign in "=:")]
    return found
