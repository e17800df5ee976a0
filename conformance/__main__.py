"""`python -m conv_conformance` is the command line."""

from conv_conformance.cli import main

if __name__ == "__main__":
    main()
