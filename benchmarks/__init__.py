"""Measurements that print lines `name=value`."""
