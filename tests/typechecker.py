"""What checks the signatures of meshfree under pytest: beartype, with an int where a float is asked for (PEP 484)."""

from beartype import BeartypeConf, beartype

typechecker = beartype(conf=BeartypeConf(is_pep484_tower=True))
