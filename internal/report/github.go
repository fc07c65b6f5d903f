package report

import (
	"bufio"
	"cmp"
	"fmt"
	"io"
	"math"
	"path"
	"path/filepath"
	"slices"
	"strings"

	"github.com/eventinvoke/eventinvoke/desired"
)

// maxAnnotations is how many of a level GitHub shows of a step.
const maxAnnotations = 10

// GitHub writes a run as workflow commands, which GitHub shows beside the lines of the
// fleet file: what SARIF has as results, with the same levels. What is the
// same but for the config is one annotation that counts them; what is about the run or
// a target comes first, then what is about most configs. Of each level ten are written, and a last line counts the others.
func GitHub(w io.Writer, r *Run) error {
	out := bufio.NewWriter(w)
	var seen [numRisks]int
	for _, a := range annotations(r) {
		if seen[a.risk]++; seen[a.risk] <= maxAnnotations {
			fmt.Fprintln(out, a.command(len(r.plans()) > 1)) // a failure shows in Flush
		}
	}
	var more [numRisks]string
	for i, level := range githubLevels {
		if n := seen[i] - maxAnnotations; n > 0 {
			more[i] = count(n, level)
		}
	}
	if rest := listed(more[:]...); rest != "" {
		fmt.Fprintf(out, "eventinvoke: not shown, as GitHub takes %d of a level: %s.\n", maxAnnotations, rest)
	}
	if err := out.Flush(); err != nil {
		return fmt.Errorf("write the annotations: %w", err)
	}
	return nil
}

var githubLevels = [numRisks]string{"error", "warning", "notice"}

// annotation is a remark with all those that differ from it by the config alone.
type annotation struct {
	remark
	n     int
	names []remark // the first of them
}

func annotations(r *Run) []*annotation {
	type key struct {
		risk                risk
		rule, file, message string
		line                int
	}
	var complaints []remark
	r.complaints(func(m remark) { complaints = append(complaints, m) })
	all := groupBy(complaints,
		func(m remark) key { return key{m.risk, m.rule, m.file, template(m.message, m.config.Function), m.line} },
		func(_ key, of []remark) *annotation { return &annotation{of[0], len(of), of[:min(len(of), 5)]} })
	slices.SortStableFunc(all, func(a, b *annotation) int {
		return cmp.Or(cmp.Compare(a.risk, b.risk), cmp.Compare(b.reach(), a.reach()))
	})
	return all
}

// reach is how many configs it is about: all of them where it is about no config.
func (a *annotation) reach() int {
	if a.config == (desired.Name{}) {
		return math.MaxInt
	}
	return a.n
}

// The escapes of workflow commands, as GitHub's own toolkit has them: without
// them a text could end its command and begin another.
var (
	commandText     = strings.NewReplacer("%", "%25", "\r", "%0D", "\n", "%0A")
	commandProperty = strings.NewReplacer("%", "%25", "\r", "%0D", "\n", "%0A", ":", "%3A", ",", "%2C")
)

// command is the annotation as one line.
func (a *annotation) command(multi bool) string {
	var names []string
	for _, m := range a.names {
		name := m.name
		if m.config != (desired.Name{}) { // of which the message says the rest
			name = Clean(m.config.String())
		}
		if multi && m.target.Account != "" {
			name = Clean(m.target.String()) + "/" + name
		}
		names = append(names, name)
	}
	title, message, hint := names[0], a.message, a.hint
	if a.n > 1 {
		title, message, hint = count(a.n, "config"), template(message, a.config.Function), template(hint, a.config.Function)
		message += "\n" + strings.Join(names, ", ") + andMore(a.n-len(names))
	}
	if hint != "" {
		message += "\nnext: " + hint
	}
	var properties []string
	if a.file != "" {
		properties = append(properties, "file="+commandProperty.Replace(Clean(path.Clean(filepath.ToSlash(a.file)))))
		if a.line > 0 {
			properties = append(properties, fmt.Sprintf("line=%d", a.line))
		}
	}
	properties = append(properties, "title="+commandProperty.Replace("eventinvoke: "+title))
	return fmt.Sprintf("::%s %s::%s", githubLevels[a.risk], strings.Join(properties, ","), commandText.Replace(message))
}
