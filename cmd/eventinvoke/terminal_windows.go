package main

import (
	"os"

	"golang.org/x/sys/windows"
)

// canDraw reports whether a console understands escape sequences, which one has to ask it to.
func canDraw(console *os.File) bool {
	var mode uint32
	handle := windows.Handle(console.Fd())
	return windows.GetConsoleMode(handle, &mode) == nil && windows.SetConsoleMode(handle, mode|windows.ENABLE_VIRTUAL_TERMINAL_PROCESSING) == nil
}

// forgetTyped takes away what was typed and not yet read.
func forgetTyped(console *os.File) error {
	return windows.FlushConsoleInputBuffer(windows.Handle(console.Fd()))
}
