package desired

// maxValues bounds the nodes of one file. Each takes the parser some 170 bytes,
// however short its text: 16 MB of "a," would come to 1.4 GB. 100,000 entries of
// six keys each count as 2.7 million.
const maxValues = 4_000_000

// values is at least the number of nodes that YAML makes of a text, and at most
// about twice as many. Each node but the first comes with one of a few characters,
// and none of them brings more than two: "{a,b}" is a mapping, a key without a
// value, and another.
func values(data []byte) int {
	n := 1
	for i, c := range data {
		switch c {
		case '\n':
			n++
		case '[', '{', ',', '?':
			n += 2
		case ':', '-':
			// Within a word they begin nothing, and ARNs are full of them.
			if i+1 == len(data) || endsIndicator(data[i+1]) || (c == ':' && i > 0 && endsQuoted(data[i-1])) {
				n += 2
			}
		}
	}
	return n
}

func endsIndicator(c byte) bool {
	switch c {
	case ' ', '\t', '\n', '\r', ',', '[', ']', '{', '}':
		return true
	}
	return false
}

// endsQuoted holds for what a key of JSON may end in: no space need follow it.
func endsQuoted(c byte) bool { return c == '"' || c == '\'' || c == ']' || c == '}' }
