"""The sub-commands of ``laidian``: one file a group, each with ``register(subparsers)``.

Nothing heavy is imported until a command runs, so that ``laidian --help`` is instant.
"""
