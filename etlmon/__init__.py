"""etlmon watches the hosts that move data. This package is the contract that node and ui share."""

__version__ = "0.1.0"
