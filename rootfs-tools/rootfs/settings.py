"""The command line's words for what runs in an image, as the `config` object of its configuration."""

import json
import re
import signal

from .errors import BuildError

PROTOCOLS = ("tcp", "udp", "sctp")


def add_arguments(parser):
    """Each may be given several times, where that has a meaning."""
    parser.add_argument("--entrypoint", action="append", metavar="WORD|JSON",
                        help="a word of what to run, or all as a JSON array; --entrypoint=-x for one with a dash")
    parser.add_argument("--cmd", action="append", metavar="WORD|JSON", help="likewise, its default arguments")
    parser.add_argument("--env", action="append", metavar="K=V", default=[], help="an environment variable")
    parser.add_argument("--workdir", metavar="DIR", help="where the program starts")
    parser.add_argument("--user", metavar="USER[:GROUP]", help="names that the image knows, or numbers")
    parser.add_argument("--label", action="append", metavar="K=V", default=[], help="a label of the image")
    parser.add_argument("--expose", action="append", metavar="PORT[/PROTOCOL]", default=[], help="a port it listens on")
    parser.add_argument("--volume", action="append", metavar="DIR", default=[], help="a folder of lasting data")
    parser.add_argument("--stop-signal", metavar="SIGNAL", help="what ends it, such as SIGINT (default SIGTERM)")


def settings(options, entrypoint):
    """`entrypoint` is what runs when the options name nothing."""
    given = entrypoint if options.entrypoint is None else _words("entrypoint", options.entrypoint)
    if given and not given[0]:
        raise BuildError("--entrypoint: the program's name is empty; leave it out, or give '[]' for none")
    found = {
        "Entrypoint": given,
        "Cmd": _words("cmd", options.cmd or []),
        "Env": [f"{key}={value}" for key, value in _pairs("env", options.env).items()],
        "WorkingDir": _folder("workdir", options.workdir),
        "User": _user(options.user),
        "Labels": _pairs("label", options.label),
        "ExposedPorts": {_port(text): {} for text in options.expose},
        "Volumes": {_folder("volume", text): {} for text in options.volume},
        "StopSignal": _stop_signal(options.stop_signal),
    }
    return _checked({key: value for key, value in found.items() if value})


def _words(flag, texts):
    words = []
    for text in texts:
        if text.startswith("["):
            try:
                listed = json.loads(text)
            except ValueError as error:
                raise BuildError(f"--{flag} {text}: starts like a JSON array and is none ({error}); write it as "
                                 """'["/bin/app","--flag"]'""") from None
            if not all(isinstance(word, str) for word in listed):
                raise BuildError(f"--{flag} {text}: not every element is a string; put quotes around each")
            words += listed
        else:
            words.append(text)
    return words


def _pairs(flag, texts):
    pairs = {}
    for text in texts:
        key, equals, value = text.partition("=")
        if not key or not equals:
            raise BuildError(f"--{flag} {text}: is not of the form NAME=VALUE")
        pairs[key] = value
    return pairs


def _folder(flag, text):
    if text is not None and not text.startswith("/"):
        raise BuildError(f"--{flag} {text!r}: must be an absolute path, such as /data")
    return text


def _user(text):
    if text is not None and not re.fullmatch(r"[^:\s]+(:[^:\s]+)?", text):
        raise BuildError(f"--user {text!r}: must be USER or USER:GROUP, names or numbers")
    return text


def _port(text):
    number, _, protocol = text.partition("/")
    if not re.fullmatch(r"[0-9]{1,5}", number) or not 0 < int(number) < 65536 or (protocol or "tcp") not in PROTOCOLS \
            or text.endswith("/"):
        raise BuildError(f"--expose {text!r}: must be a port from 1 to 65535, with {', '.join(PROTOCOLS)} after a "
                         "slash, or nothing for tcp")
    return f"{int(number)}/{protocol or 'tcp'}"


def _stop_signal(text):
    if text is None:
        return None
    name = text.upper() if text.upper().startswith("SIG") else f"SIG{text.upper()}"
    if text.isascii() and text.isdigit() and 0 < int(text) < 65:
        return text
    if name in signal.Signals.__members__ or re.fullmatch(r"SIGRTM(IN(\+[1-9]\d?)?|AX(-[1-9]\d?)?)", name):
        return name
    raise BuildError(f"--stop-signal {text!r}: Linux has no such signal; give one such as SIGTERM, or its number")


def _checked(value):
    """The configuration is JSON, which is UTF-8, and its strings become what ends at a zero byte."""
    if isinstance(value, str):
        try:
            value.encode()
        except UnicodeEncodeError:
            raise BuildError(f"{ascii(value)}: is not UTF-8, as everything in an image's configuration must be; give "
                             "it another name or value") from None
        if "\0" in value:
            raise BuildError(f"{ascii(value)}: holds a zero byte, which no argument or variable can")
    elif isinstance(value, dict):
        for pair in value.items():
            _checked(list(pair))
    else:
        for element in value:
            _checked(element)
    return value
