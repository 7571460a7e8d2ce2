"""Stands for `parsl.dataflow.dependency_resolvers`."""

from __future__ import annotations

from headrace.dataflow import DEEP_DEPENDENCY_RESOLVER, SHALLOW_DEPENDENCY_RESOLVER, DependencyResolver

__all__ = [
    "DEEP_DEPENDENCY_RESOLVER",
    "SHALLOW_DEPENDENCY_RESOLVER",
    "DependencyResolver",
    "deep_traverse_to_gather",
    "deep_traverse_to_unwrap",
    "shallow_traverse_to_gather",
    "shallow_traverse_to_unwrap",
]

# What a resolver of a program's own falls back to. Types cannot be registered with them: give a resolver two functions.
deep_traverse_to_gather = DEEP_DEPENDENCY_RESOLVER.traverse_to_gather
deep_traverse_to_unwrap = DEEP_DEPENDENCY_RESOLVER.traverse_to_unwrap
shallow_traverse_to_gather = SHALLOW_DEPENDENCY_RESOLVER.traverse_to_gather
shallow_traverse_to_unwrap = SHALLOW_DEPENDENCY_RESOLVER.traverse_to_unwrap
