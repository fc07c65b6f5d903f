package main

import (
	"os"

	"golang.org/x/sys/unix"
)

// canDraw reports whether a terminal understands escape sequences: TERM says where it does not.
func canDraw(*os.File) bool { return true }

// forgetTyped takes away what was typed and not yet read.
func forgetTyped(terminal *os.File) error {
	return unix.IoctlSetInt(int(terminal.Fd()), unix.TCFLSH, unix.TCIFLUSH)
}
