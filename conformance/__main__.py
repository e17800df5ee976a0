"""Run the command line: `python -m conv_conformance`."""

from conv_conformance.cli import main

if __name__ == "__main__":
    main()
