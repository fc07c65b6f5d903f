package desired

import (
	"fmt"
	"strings"
)

// glob is a compiled pattern for function names. It knows *, ?, [a-z], [!a-z]
// and {one,other}; everything else stands for itself.
type glob struct {
	text
	alternatives []pattern // one per way to choose among the braces
}

func (g glob) match(name string) bool {
	for i := range g.alternatives {
		if g.alternatives[i].match(name) {
			return true
		}
	}
	return false
}

// pattern is a glob without braces. The text before the first and after the
// last wildcard is kept apart: most patterns are decided by it alone, and the
// rule index files them under it.
type pattern struct {
	prefix, suffix string
	wild           bool    // false: prefix is the whole name
	middle         []token // between prefix and suffix; nil stands for a single *
	inside         string  // the longest text in middle: without it there is no match
}

type token struct {
	kind  tokenKind
	char  byte
	class *[256]bool
}

type tokenKind uint8

const (
	tokenChar tokenKind = iota
	tokenAny
	tokenStar
	tokenClass
)

func (p *pattern) match(name string) bool {
	if !p.wild {
		return name == p.prefix
	}
	if len(name) < len(p.prefix)+len(p.suffix) || !strings.HasPrefix(name, p.prefix) || !strings.HasSuffix(name, p.suffix) {
		return false
	}
	rest := name[len(p.prefix) : len(name)-len(p.suffix)]
	return p.middle == nil || (strings.Contains(rest, p.inside) && matchTokens(p.middle, rest))
}

// matchTokens needs only the last star to backtrack to, so its cost is at most
// the product of the two lengths, whatever the pattern.
func matchTokens(tokens []token, s string) bool {
	t, i, star, mark := 0, 0, -1, 0
	for i < len(s) {
		switch {
		case t < len(tokens) && tokens[t].kind == tokenStar:
			star, mark = t, i
			t++
		case t < len(tokens) && tokens[t].accepts(s[i]):
			t++
			i++
		case star >= 0:
			mark++
			t, i = star+1, mark
		default:
			return false
		}
	}
	for t < len(tokens) && tokens[t].kind == tokenStar {
		t++
	}
	return t == len(tokens)
}

func (t token) accepts(c byte) bool {
	switch t.kind {
	case tokenChar:
		return t.char == c
	case tokenAny:
		return true
	case tokenClass:
		return t.class[c]
	}
	return false
}

// Bounds of a pattern. Function names have at most 140 characters, and every
// brace multiplies the number of alternatives.
const (
	maxGlob         = 512
	maxAlternatives = 256
)

func compileGlob(written text) (glob, *flaw) {
	s := written.value
	bad := func(why, cure string) (glob, *flaw) {
		return glob{}, &flaw{codeBadGlob, fmt.Sprintf("the pattern %q %s", shorten(s), why), cure}
	}
	if len(s) > maxGlob {
		return bad("is too long", fmt.Sprintf("use at most %d characters", maxGlob))
	}
	if strings.Contains(s, ":") {
		return bad("has a colon, which no function name has",
			"write the function name only; a qualifier goes under qualifiers, an account or region under targets")
	}
	chosen, why := expandBraces(s)
	if why != "" {
		return bad(why, `use *, ?, [a-z] and {one,other}, such as "orders-*"`)
	}
	g := glob{text: written}
	for _, c := range chosen {
		p, why := compilePattern(c)
		if why != "" {
			return bad(why, `use *, ?, [a-z] and {one,other}, such as "orders-*"`)
		}
		g.alternatives = append(g.alternatives, p)
	}
	return g, nil
}

// expandBraces writes out {a,b} as alternatives, inner braces first; why is
// empty when that worked.
func expandBraces(s string) (chosen []string, why string) {
	queue := []string{s}
	for len(queue) > 0 {
		if len(queue)+len(chosen) > maxAlternatives {
			return nil, fmt.Sprintf("stands for more than %d patterns", maxAlternatives)
		}
		next := queue[0]
		queue = queue[1:]
		end := strings.IndexByte(next, '}')
		if end < 0 {
			if strings.Contains(next, "{") {
				return nil, "has { without }"
			}
			chosen = append(chosen, next)
			continue
		}
		start := strings.LastIndexByte(next[:end], '{')
		if start < 0 {
			return nil, "has } without {"
		}
		for option := range strings.SplitSeq(next[start+1:end], ",") {
			queue = append(queue, next[:start]+option+next[end+1:])
		}
	}
	return chosen, ""
}

func compilePattern(s string) (pattern, string) {
	var tokens []token
	for i := 0; i < len(s); i++ {
		switch c := s[i]; {
		case c == '*':
			if len(tokens) == 0 || tokens[len(tokens)-1].kind != tokenStar {
				tokens = append(tokens, token{kind: tokenStar})
			}
		case c == '?':
			tokens = append(tokens, token{kind: tokenAny})
		case c == '[':
			end := strings.IndexByte(s[i:], ']')
			if end < 0 {
				return pattern{}, "has [ without ]"
			}
			class, why := compileClass(s[i+1 : i+end])
			if why != "" {
				return pattern{}, why
			}
			tokens = append(tokens, token{kind: tokenClass, class: class})
			i += end
		case !functionWord.MatchString(s[i : i+1]):
			return pattern{}, fmt.Sprintf("has %q, which no function name has", s[i:i+1])
		default:
			tokens = append(tokens, token{kind: tokenChar, char: c})
		}
	}
	return splitTokens(tokens), ""
}

func compileClass(s string) (*[256]bool, string) {
	negate := strings.HasPrefix(s, "!") || strings.HasPrefix(s, "^")
	if negate {
		s = s[1:]
	}
	if s == "" {
		return nil, "has an empty [ ]"
	}
	var class [256]bool
	for i := 0; i < len(s); i++ {
		low, high := s[i], s[i]
		if i+2 < len(s) && s[i+1] == '-' {
			high = s[i+2]
			i += 2
		}
		if low > high {
			return nil, fmt.Sprintf("has the range %c-%c, which is empty", low, high)
		}
		for c := int(low); c <= int(high); c++ {
			class[c] = true
		}
	}
	if negate {
		for c := range class {
			class[c] = !class[c]
		}
	}
	return &class, ""
}

// splitTokens cuts the literal text off both ends.
func splitTokens(tokens []token) pattern {
	start, end := 0, len(tokens)
	for start < end && tokens[start].kind == tokenChar {
		start++
	}
	p := pattern{prefix: literal(tokens[:start])}
	if start == end {
		return p
	}
	p.wild = true
	for end > start && tokens[end-1].kind == tokenChar {
		end--
	}
	p.suffix, p.middle = literal(tokens[end:]), tokens[start:end]
	if len(p.middle) == 1 && p.middle[0].kind == tokenStar {
		p.middle = nil
	}
	for i := 0; i < len(p.middle); i++ {
		first := i
		for i < len(p.middle) && p.middle[i].kind == tokenChar {
			i++
		}
		if i-first > len(p.inside) {
			p.inside = literal(p.middle[first:i])
		}
	}
	return p
}

func literal(tokens []token) string {
	b := make([]byte, len(tokens))
	for i, t := range tokens {
		b[i] = t.char
	}
	return string(b)
}
