"""Contenders and feeder of the AMI measure."""
