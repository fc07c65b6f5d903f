package main

import (
	"fmt"
	"strings"
	"unicode"
	"unicode/utf8"
)

// harmless spells out what a terminal would act on: control characters and
// those that reorder or hide text. Names of files and functions come from
// elsewhere. Line ends stay.
func harmless(s string) string {
	var b strings.Builder
	for i := 0; i < len(s); {
		r, size := utf8.DecodeRuneInString(s[i:])
		switch {
		case r == utf8.RuneError && size == 1, r < ' ' && r != '\n', r == 0x7f:
			fmt.Fprintf(&b, `\x%02x`, s[i])
		case r == '\n' || unicode.IsPrint(r):
			b.WriteString(s[i : i+size])
		default:
			fmt.Fprintf(&b, `\u%04x`, r)
		}
		i += size
	}
	return b.String()
}
