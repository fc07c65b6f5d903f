//go:build unix && !linux

package main

import (
	"os"

	"golang.org/x/sys/unix"
)

// canDraw reports whether a terminal understands escape sequences: TERM says where it does not.
func canDraw(*os.File) bool { return true }

// forgetTyped takes away what was typed and not yet read.
func forgetTyped(terminal *os.File) error {
	const read = 1 // FREAD of sys/fcntl.h: what was typed, not what is on its way to the screen
	return unix.IoctlSetPointerInt(int(terminal.Fd()), unix.TIOCFLUSH, read)
}
