"""What every engine owes the chat room, held against the embedded one."""
