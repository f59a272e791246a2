def add_view_command(subparsers):
    pass
