package desired

import (
	"fmt"
	"regexp"
	"strings"

	"github.com/bmatcuk/doublestar/v4"
)

// glob is a compiled pattern for function names. It knows *, ?, [a-z], [!a-z]
// and {one,other}; everything else stands for itself.
//
//	orders-*            any text, none included; a dot is nothing special
//	orders-?            exactly one character
//	orders-[0-9]        one of the class; [!0-9] and [^0-9], one that is not
//	{orders,pay}-*      orders-* or pay-*; braces may stand in braces
//	orders:live         refused: the qualifier has a key of its own
//	orders-[0-9, {a     refused: not closed
//	[9-0], []           refused: nothing could match
//
// A pattern is the whole name's, so that "orders" is a name and no beginning of one. What a
// name cannot have is refused in a pattern as well: it would match nothing, in silence.
//
// It has three readers: match, for the functions that there are; IAM, which is told the alternatives
// by Discovery.Matchers; and checkDisagreement, which asks for a sample.
type glob struct {
	text
	alternatives []pattern // one per way to choose among the braces
}

// sample is a name that the glob matches, as short as can be: what has the fewest
// letters is chosen by the most other patterns. Of several alternatives it is the first
// one's, so that checkDisagreement finds less than there may be, and never too much.
func (g glob) sample() string {
	return wildcard.ReplaceAllStringFunc(g.alternatives[0].written, func(wild string) string {
		switch {
		case wild == "*" && len(g.alternatives[0].written) > 1:
			return ""
		case wild[0] != '[' || wild[1] == '!' || wild[1] == '^':
			return "x"
		}
		return wild[1:2]
	})
}

// match reports whether one of the alternatives is the name's. It is case-sensitive, as
// AWS is.
func (g *glob) match(name string) bool {
	for i := range g.alternatives {
		if g.alternatives[i].match(name) {
			return true
		}
	}
	return false
}

// pattern is a glob without braces.
type pattern struct {
	written string
	texts   []string // what is before, between and after the wildcards; one where there are none
}

// match looks for the texts first: they settle most pairs at a tenth of what the
// matcher takes, and a pattern such as *x* meets every function.
func (p *pattern) match(name string) bool {
	last := len(p.texts) - 1
	if last <= 0 { // no wildcard
		return name == p.written
	}
	// Necessary and not sufficient: two of the texts may be found at one place of the name, and
	// the order of those between is not looked at.
	if !strings.HasPrefix(name, p.texts[0]) || !strings.HasSuffix(name, p.texts[last]) {
		return false
	}
	for _, text := range p.texts[1:last] {
		if !strings.Contains(name, text) {
			return false
		}
	}
	return doublestar.MatchUnvalidated(p.written, name)
}

// Bounds of a pattern. Function names have at most 140 characters, and every
// brace multiplies the number of alternatives.
const (
	maxGlob         = 512
	maxAlternatives = 256
)

// compileGlob compiles a pattern, or says what is wrong with it. One that was refused
// matches nothing, and so does one with variables, which is compiled for each target.
//
// What people paste here most is an ARN or NAME:QUALIFIER, so that a colon has its own hint.
func compileGlob(written text) (glob, *problem) {
	s := written.value
	if hasVariables(s) {
		return glob{text: written}, nil
	}
	bad := func(why, hint string) (glob, *problem) {
		return glob{}, &problem{codeBadGlob, fmt.Sprintf("the pattern %q %s", shorten(s), why), hint}
	}
	if len(s) > maxGlob {
		return bad("is too long", fmt.Sprintf("use at most %d characters", maxGlob))
	}
	if strings.Contains(s, ":") {
		return bad("has a colon, which no function name has",
			"write the function name only; a qualifier goes under qualifiers, an account or region under targets")
	}
	chosen, why := expandBraces(s)
	g := glob{text: written, alternatives: make([]pattern, len(chosen))}
	for i := 0; i < len(chosen) && why == ""; i++ {
		g.alternatives[i], why = compilePattern(chosen[i])
	}
	if why != "" {
		return bad(why, `use *, ?, [a-z] and {one,other}, such as "orders-*"`)
	}
	return g, nil
}

// expandBraces writes out {a,b} as alternatives, inner braces first; why is
// empty when that worked. IAM, which knows no braces, is told them one by one.
//
// Each step takes one pair of braces out of the first of those still to be looked at, and puts
// what it stands for behind the last: all have as many pairs, give or take one, and are done with
// the first that has none, in the order in which they are written. The bound is asked at each
// step, as every pair multiplies them: forty pairs in one line would be a trillion.
func expandBraces(s string) (chosen []string, why string) {
	chosen = []string{s}
	for strings.ContainsAny(chosen[0], "{}") {
		next := chosen[0]
		end := strings.IndexByte(next, '}')
		if end < 0 {
			return nil, "has { without }"
		}
		start := strings.LastIndexByte(next[:end], '{')
		if start < 0 {
			return nil, "has } without {"
		}
		chosen = chosen[1:]
		for option := range strings.SplitSeq(next[start+1:end], ",") {
			chosen = append(chosen, next[:start]+option+next[end+1:])
		}
		if len(chosen) > maxAlternatives {
			return nil, fmt.Sprintf("stands for more than %d patterns", maxAlternatives)
		}
	}
	return chosen, ""
}

var (
	starRun    = regexp.MustCompile(`\*+`)
	class      = regexp.MustCompile(`\[[!^]?([^\]]*)\]`)
	wildcard   = regexp.MustCompile(`\*|\?|` + class.String())
	classRange = regexp.MustCompile(`.-.`)
	notInName  = regexp.MustCompile(`[^a-zA-Z0-9_.-]`)
)

// compilePattern takes a pattern without braces. What it accepts is valid for
// the matcher, which reads a longer run of stars as more than one of them, and
// has escapes that these patterns have not.
func compilePattern(s string) (p pattern, why string) {
	// Braces can bring stars together that stood apart. What is left when classes and wildcards are
	// taken out are the texts, and these have to be what a name can have.
	s = starRun.ReplaceAllString(s, "*")
	for _, c := range class.FindAllStringSubmatch(s, -1) {
		if why := checkClass(c[1]); why != "" {
			return pattern{}, why
		}
	}
	texts := wildcard.Split(s, -1)
	switch stray := notInName.FindString(strings.Join(texts, "")); stray {
	case "":
	case "[":
		return pattern{}, "has [ without ]"
	default:
		return pattern{}, fmt.Sprintf("has %q, which no function name has", stray)
	}
	return pattern{s, texts}, ""
}

// checkClass looks at what is between [ and ], without the ! or ^ that may begin it. A class of
// which nothing can be a character of a name is a slip: it would match nothing, in silence.
func checkClass(members string) (why string) {
	if members == "" {
		return "has an empty [ ]"
	}
	if stray := notInName.FindString(members); stray != "" {
		return fmt.Sprintf("has %q, which no function name has", stray)
	}
	for _, r := range classRange.FindAllString(members, -1) {
		if r[0] > r[2] {
			return fmt.Sprintf("has the range %s, which is empty", r)
		}
	}
	return ""
}
