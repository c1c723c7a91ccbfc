"""Proxies judged by ground truth: tables of trained nets, rank statistics, constrained search, combinations."""
