package history

import (
	"bytes"
	"crypto/sha256"
	"encoding/hex"
	"slices"
)

// A sum stands at the end of a JSON object, on one line in a journal and indented
// elsewhere. It covers all that is before it, and the sum of the object before this
// one in its chain: whoever changes an object must change every one after it.
var sumForms = [...]struct{ closing, before, after string }{
	lineForm:     {"}", `,"sum":"`, `"}`},
	indentedForm: {"\n}", ",\n \"sum\": \"", "\"\n}\n"},
}

const (
	lineForm = iota
	indentedForm
)

func sumOf(previous string, text []byte) string {
	h := sha256.New()
	h.Write([]byte(previous))
	h.Write(text)
	return hex.EncodeToString(h.Sum(nil))
}

// appendSum puts the sum into a JSON object as its last field.
func appendSum(object []byte, form int, previous string) (text []byte, sum string) {
	f := sumForms[form]
	open := bytes.TrimSuffix(object, []byte(f.closing))
	sum = sumOf(previous, open)
	return slices.Concat(open, []byte(f.before), []byte(sum), []byte(f.after)), sum
}

// cutSum gives the part of an object that its sum covers, and the sum, where there
// is one.
func cutSum(text []byte, form int) (covered []byte, sum string, summed bool) {
	f := sumForms[form]
	at := len(text) - len(f.before) - 2*sha256.Size - len(f.after)
	if at < 1 || !bytes.HasPrefix(text[at:], []byte(f.before)) || !bytes.HasSuffix(text, []byte(f.after)) {
		return text, "", false
	}
	return text[:at], string(text[at+len(f.before) : len(text)-len(f.after)]), true
}
