package desired

import (
	"bytes"
	"cmp"
	"context"
	"crypto/sha256"
	"encoding/hex"
	"errors"
	"fmt"
	"io"
	"io/fs"
	"regexp"
	"slices"
	"strconv"
	"strings"
	"unicode/utf8"

	"gopkg.in/yaml.v3"
)

// Loader reads fleet files. Its zero value reads files only. It holds nothing of what it reads,
// so that one may be used again, and by several goroutines, but for Stdin.
type Loader struct {
	Stdin   io.Reader       // what the path - reads, once
	Context context.Context // ends the wait for a file; nil waits for a minute at most
	Remote  fs.FS           // for LoadFiles: the files whose names have a scheme, such as s3://bucket/key
	// TargetsOnly takes files without entries too, and returns what is good for Targets and
	// WithMembers alone.
	TargetsOnly bool

	maxBytes int // of one file; zero means maxFileBytes
	maxNodes int // looked at in one file, beyond its own; zero means aliasAllowance
}

const (
	// maxFileBytes bounds, together with maxValues, the memory of one file. It is
	// enough for 100,000 entries.
	maxFileBytes = 16 << 20
	// aliasAllowance is how many nodes aliases may add to what a file holds.
	aliasAllowance = 200_000
)

// Load reads fleet files: a file, a directory (every .yaml and .yml file below it,
// hidden ones skipped) or a pattern in which ** stands for any folders. The error is
// Problems, every one of them, sorted by place; then there is no Document.
func Load(fsys fs.FS, paths ...string) (*Document, error) {
	// A fleet of which a part is missing would look like one from which that part was taken out.
	return Loader{}.Load(fsys, paths...)
}

// Load is the function Load with what the Loader has.
func (l Loader) Load(fsys fs.FS, paths ...string) (*Document, error) {
	l.maxBytes, l.maxNodes = cmp.Or(l.maxBytes, maxFileBytes), cmp.Or(l.maxNodes, aliasAllowance)
	d, out := &Document{guard: DefaultLimits(), sections: map[string]Pos{}}, &collector{}
	if len(paths) == 0 {
		out.report(Pos{File: "."}, codeNoSuchPath, "no fleet file was named", "name a file, a directory or a pattern")
	}
	// One after the other: parsing takes most of the time, and most of the memory, which is bounded
	// for one file.
	for _, name := range l.findFiles(fsys, paths, out) {
		l.loadFile(fsys, name, d, out)
	}
	// By layer, so that rules have the first ids, and else in the order of the files.
	slices.SortStableFunc(d.rules, func(a, b *ruleDecl) int { return cmp.Compare(a.layer, b.layer) })
	for i, r := range d.rules {
		r.id = i
	}
	// What a file alone tells was checked while it was read. Here comes what takes all of them:
	// targets, labels, rules and defaults, variables, and what entries say of one another.
	d.checkTargets(out)
	if !l.TargetsOnly {
		d.checkLabels(out)
		d.checkRules(out)
		if !d.damagedTargets { // else nothing can be said about targets
			d.fillIn(out)
			d.checkOffline(out)
		}
		d.warnings = out.warnings.problems()
	}
	if ps := out.errors.problems(); ps != nil {
		return nil, ps
	}
	return d, nil
}

// loadFile reads one file into d. What is wrong with it goes to out, and the other files
// are read all the same, so that one load shows every problem.
//
// The bounds are asked in the order of what they cost: the size before the values are
// counted, and both before the parser takes memory for them. The digest is of the bytes as
// they were read; a record of a run has it, to tell later which file that was.
//
//	bytes       16 MB            what is read at all
//	values      4,000,000        what the parser builds, counted before it begins
//	nodes       the file's own, and 200,000 by aliases     what is looked at
//
// So the memory that a file takes follows from these bounds and not from what is in it: it may
// come from the pull request of a stranger.
func (l Loader) loadFile(fsys fs.FS, name string, d *Document, out *collector) {
	shown := name
	if name == stdinPath {
		shown = StdinName
	}
	report := func(code, message, hint string) {
		out.report(Pos{File: shown}, code, message, hint)
	}
	data, err := l.read(fsys, name, l.maxBytes)
	switch {
	case err != nil:
		out.add(unreadable(shown, err))
		return
	case len(data) > l.maxBytes:
		report(codeTooLarge, fmt.Sprintf("the file has more than %d bytes", l.maxBytes), "split it into several files")
		return
	case values(data) > maxValues:
		report(codeTooLarge, fmt.Sprintf("the file has more than %d values", maxValues), "split it into several files")
		return
	case !utf8.Valid(data):
		report(codeUnreadable, "the file is not UTF-8 text", "save it as UTF-8")
		return
	case bytes.IndexByte(data, 0) >= 0:
		out.report(posOf(shown, data, bytes.IndexByte(data, 0)), codeUnreadable, "a NUL byte is here, which no text has", "take it out, or save the file as UTF-8 if all of it has them")
		return
	}
	digest := sha256.Sum256(data)
	file := &fileDecl{info: FileInfo{Path: shown, SHA256: hex.EncodeToString(digest[:])}, sections: map[string]Pos{}}
	d.files = append(d.files, file)
	w := &walker{
		doc: d, file: file, out: out,
		// A node costs at least a byte of the file, unless an alias repeats it: ten lines
		// of aliases of aliases can stand for a billion nodes.
		budget: len(data) + l.maxNodes,
		checks: map[destinationUse]*problem{},
	}
	documents := 0
	err = parse(data, func(root *yaml.Node) {
		if len(root.Content) == 1 && !isNull(root.Content[0]) {
			documents++
			fleetFile.read(w, root.Content[0], w)
		}
	})
	switch {
	case err != nil:
		out.add(syntaxProblem(file, data, err))
	case documents == 0:
		report(codeMissingKey, "the file is empty", "begin it with version: 1, or leave it out")
	}
	at := file.sections["defaults"]
	file.defaults.file, file.defaults.layer, file.defaults.place = file, LayerDefaults, place{int32(at.Line), int32(at.Column)}
}

// parse calls visit for every YAML document. The parser is known to panic on
// some malformed input; that is bad input like any other.
//
// Documents before the one with the error have been visited by then, so that one load tells
// of their problems too.
func parse(data []byte, visit func(*yaml.Node)) (err error) {
	decoder := yaml.NewDecoder(bytes.NewReader(data))
	for {
		var root yaml.Node
		if err := decodeNode(decoder, &root); err != nil {
			if errors.Is(err, io.EOF) {
				return nil
			}
			return err
		}
		visit(&root)
	}
}

// decodeNode is decoder.Decode, with a panic of the parser as an error.
func decodeNode(decoder *yaml.Decoder, into *yaml.Node) (err error) {
	defer func() {
		if r := recover(); r != nil {
			err = fmt.Errorf("yaml: the parser failed: %v", r)
		}
	}()
	return decoder.Decode(into)
}

// yamlError takes the line out of the parser's message, which has no other form of it.
var yamlError = regexp.MustCompile(`^yaml: (?:line ([0-9]+): )?(.*)`)

// syntaxProblem places what the parser says. It names a tab for what it is, and
// finds the line of a wrong indentation: the parser names the line where the block
// around it began.
//
// For these two the parser's own words help least. Anything else is given in its words,
// at its line.
func syntaxProblem(file *fileDecl, data []byte, err error) Problem {
	p := Problem{Pos: file.pos(place{1, 1}), Code: codeSyntax, Message: err.Error(),
		Hint: "check indentation, quotes and brackets around this line; nothing below was read"}
	if m := yamlError.FindStringSubmatch(err.Error()); m != nil {
		if line, convErr := strconv.Atoi(m[1]); convErr == nil {
			p.Pos.Line = line
		}
		p.Message = "the file is not YAML: " + m[2]
	}
	if strings.Contains(p.Message, "control characters") {
		at, r := control(data)
		p.Pos = posOf(p.Pos.File, data, at)
		p.Message, p.Hint = fmt.Sprintf("the file is not YAML: the control character %U is here", r), "take it out"
		return p
	}
	lines := bytes.Split(data, []byte("\n"))
	for i, line := range lines {
		indent := len(line) - len(bytes.TrimLeft(line, " \t"))
		if tab := bytes.IndexByte(line[:indent], '\t'); tab >= 0 && indent < len(line) && line[indent] != '#' {
			p.Pos.Line, p.Pos.Column = i+1, tab+1
			p.Message = "the file is not YAML: a tab indents this line"
			p.Hint = "indent with spaces: YAML allows no tabs there"
			return p
		}
	}
	if line := dedented(lines, p.Pos.Line); strings.Contains(p.Message, "did not find expected") && line > 0 {
		p.Pos.Line = line
		p.Message += ": this line is indented unlike the lines of its block"
	}
	p.Pos.Column = 1
	if p.Pos.Line <= len(lines) {
		line := lines[p.Pos.Line-1]
		p.Pos.Column = len(line) - len(bytes.TrimLeft(line, " ")) + 1
	}
	return p
}

// control is the first character that YAML allows nowhere, which the parser does not tell.
func control(data []byte) (offset int, r rune) {
	for offset < len(data) {
		r, size := utf8.DecodeRune(data[offset:])
		if r < ' ' && r != '\t' && r != '\n' && r != '\r' || r >= 0x7f && r < 0xa0 && r != 0x85 || r == 0xfffe || r == 0xffff {
			return offset, r
		}
		offset += size
	}
	return 0, 0
}

// posOf is the place of a byte of a file.
func posOf(file string, data []byte, offset int) Pos {
	before := data[:offset]
	line := before[bytes.LastIndexByte(before, '\n')+1:]
	return Pos{File: file, Line: bytes.Count(before, []byte("\n")) + 1, Column: utf8.RuneCount(line) + 1}
}

// dedented is the first line, from one on, whose indentation is that of no block
// which is open there; 0 when there is none.
//
// It goes by the indentation alone and can be deceived by text in a block or in brackets. So
// it is asked only where the parser has refused the file, to name the better line.
func dedented(lines [][]byte, from int) int {
	open := []int{0}
	for i, line := range lines {
		text := bytes.TrimLeft(line, " ")
		if len(text) == 0 || text[0] == '#' {
			continue
		}
		indent := len(line) - len(text)
		for len(open) > 1 && indent < open[len(open)-1] {
			open = open[:len(open)-1]
			if indent > open[len(open)-1] && i+1 >= from {
				return i + 1
			}
		}
		if indent > open[len(open)-1] {
			open = append(open, indent)
		}
		for bytes.HasPrefix(text, []byte("- ")) { // the entries of an item stand behind its dash
			rest := bytes.TrimLeft(text[2:], " ")
			indent += len(text) - len(rest)
			text = rest
			open = append(open, indent)
		}
	}
	return 0
}

// maxValues bounds the nodes of one file. Each takes the parser some 170 bytes,
// however short its text: 16 MB of "a," would come to 1.4 GB. 100,000 entries of
// six keys each count as 2.7 million.
const maxValues = 4_000_000

// values is at least the number of nodes that YAML makes of a text, and at most
// about twice as many. Each node but the first comes with one of a few marks, and none of
// them brings more than is counted for it here: a line or a comma has a key and its value.
// A colon needs no counting, since it has one of the others before its key.
func values(data []byte) int {
	n := 3
	for mark, nodes := range map[string]int{"\n": 2, ",": 3, "[": 4, "{": 3, "?": 2, "- ": 1, "-\t": 1} {
		n += nodes * bytes.Count(data, []byte(mark))
	}
	return n
}
