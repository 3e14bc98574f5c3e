"""来电 laidian: CTI for courier hotlines on Asterisk."""

__version__ = "0.1.0"
