package report

import (
	"bufio"
	"cmp"
	"encoding/xml"
	"errors"
	"fmt"
	"io"
	"strings"
)

// JUnit writes a run for a test reporter: a suite for each account and region, a
// test for each config that differs, failed, was changed or was found. What is in sync is
// one test, since there may be 100,000 of it, and counts in tests= as many
// times as there are configs. What concerns the run as a whole is a suite of its own, the first.
//
// Texts are cleaned, so the document is well-formed whatever anything is called.
func JUnit(w io.Writer, r *Run) error {
	out := bufio.NewWriter(w) // a failure shows in Flush
	out.WriteString(xml.Header)
	e := xml.NewEncoder(out)
	e.Indent("", "  ")
	attributes := []string{"name", Clean("eventinvoke " + r.Verb)}
	if !r.Finished.IsZero() {
		attributes = append(attributes, "time", fmt.Sprintf("%.3f", (r.Finished.Sub(r.Started)-r.Asked).Seconds()))
	}
	root := element("testsuites", attributes...)
	_ = e.EncodeToken(root)
	suite(e, r, "eventinvoke", 0, r.ofRun)
	for i := range r.plans() {
		t := &r.Plan.Targets[i]
		suite(e, r, Clean(t.Target.String()), t.InSync, func(say func(remark)) { r.ofTarget(t, everything, say) })
	}
	err := errors.Join(e.EncodeToken(root.End()), e.Close())
	out.WriteString("\n")
	if err = cmp.Or(err, out.Flush()); err != nil {
		return fmt.Errorf("write the JUnit report: %w", err)
	}
	return nil
}

// suite writes one suite. Its numbers stand before its tests, so it looks at the tests twice.
func suite(e *xml.Encoder, r *Run, name string, inSync int, tests func(func(remark))) {
	var n [erred + 1]int
	n[passed] = inSync
	tests(func(m remark) { n[m.verdict]++ })
	if n == ([erred + 1]int{}) && name == "eventinvoke" {
		return
	}
	start := element("testsuite", "name", name, "tests", fmt.Sprint(n[passed]+n[skipped]+n[differs]+n[erred]),
		"failures", fmt.Sprint(n[differs]), "errors", fmt.Sprint(n[erred]), "skipped", fmt.Sprint(n[skipped]),
		"timestamp", r.Started.UTC().Format("2006-01-02T15:04:05"))
	_ = e.EncodeToken(start)
	if inSync > 0 {
		_ = e.Encode(testCase{Class: name, Name: "(in sync)", Out: &testOutput{Text: count(inSync, "config") + " as declared"}})
	}
	tests(func(m remark) { _ = e.Encode(newTestCase(name, &m)) })
	_ = e.EncodeToken(start.End())
}

// testCase is one test. It is known to readers by its class and its name, which
// are the same in every run.
type testCase struct {
	XMLName xml.Name     `xml:"testcase"`
	Class   string       `xml:"classname,attr"`
	Name    string       `xml:"name,attr"`
	File    string       `xml:"file,attr,omitempty"`
	Line    int          `xml:"line,attr,omitempty"`
	Failure *testMessage `xml:"failure"`
	Error   *testMessage `xml:"error"`
	Skipped *testMessage `xml:"skipped"`
	Out     *testOutput  `xml:"system-out"`
}

type testMessage struct {
	Type    string `xml:"type,attr"`
	Message string `xml:"message,attr"`
	Text    string `xml:",cdata"`
}

type testOutput struct {
	Text string `xml:",cdata"`
}

func newTestCase(class string, m *remark) testCase {
	t := testCase{Class: class, Name: m.name, File: Clean(m.file), Line: m.line}
	text := strings.Join(m.details, "\n")
	if place := m.place(); !strings.Contains(text, place) {
		text += "\n" + place
	}
	if m.hint != "" {
		text += "\nnext: " + m.hint
	}
	text = strings.TrimPrefix(text, "\n")
	switch message := (&testMessage{Type: m.rule, Message: m.message, Text: text}); m.verdict {
	case passed:
		t.Out = &testOutput{Text: text}
	case skipped:
		t.Skipped = message
	case differs:
		t.Failure = message
	default:
		t.Error = message
	}
	return t
}

// element is the start of an element with attributes, given as names and values.
func element(name string, attributes ...string) xml.StartElement {
	start := xml.StartElement{Name: xml.Name{Local: name}}
	for i := 0; i < len(attributes); i += 2 {
		start.Attr = append(start.Attr, xml.Attr{Name: xml.Name{Local: attributes[i]}, Value: attributes[i+1]})
	}
	return start
}
