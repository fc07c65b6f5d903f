package export

import (
	"errors"
	"regexp"
	"slices"
	"strconv"
	"strings"
	"unicode"
)

var errNotExamined = errors.New("the run ended before its turn")

// plainScalar is text that needs no quotes in any YAML: it begins with a letter,
// so it is no number, and holds nothing that has a meaning of its own, also
// within a list in brackets. Placeholders and colons are for ARNs, which stand
// alone on their line.
var (
	plainScalar = regexp.MustCompile(`^[A-Za-z][A-Za-z0-9_.-]*$`)
	plainARN    = regexp.MustCompile(`^arn:[A-Za-z0-9_./:@+=${}-]*[A-Za-z0-9}]$`)
)

// wordsWithMeaning are those that some version of YAML, or the fleet file, does
// not read as the text they are.
var wordsWithMeaning = []string{"true", "false", "yes", "no", "on", "off", "y", "n", "null", none}

// scalar is a text as a YAML value: plain where that is safe, else in quotes. Go's
// quoting is a subset of what YAML reads in double quotes.
func scalar(s string) string {
	switch {
	case slices.Contains(wordsWithMeaning, strings.ToLower(s)):
	case plainScalar.MatchString(s), plainARN.MatchString(s):
		return s
	}
	return strconv.Quote(s)
}

// oneLine is a text from outside as a comment can hold it: YAML forbids control
// characters even there, and a second line would end the comment.
func oneLine(s string) string {
	s = strings.Map(func(r rune) rune {
		if !unicode.IsPrint(r) || r == unicode.ReplacementChar {
			return ' '
		}
		return r
	}, s)
	return strings.Join(strings.Fields(s), " ")
}
