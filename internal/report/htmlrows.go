package report

import (
	"cmp"
	"compress/gzip"
	_ "embed"
	"encoding/base64"
	"encoding/json"
	"fmt"
	"maps"
	"slices"
	"strings"

	"github.com/eventinvoke/eventinvoke/desired"
	"github.com/eventinvoke/eventinvoke/internal/page"
	"github.com/eventinvoke/eventinvoke/internal/slice"
)

//go:embed htmlrows.html
var rowsTable string

const (
	// maxRows bounds what the rows take, so that the page has at most 8 MB.
	maxRows = 7_500_000
	// maxPlainRows is how much of them stands there as it is; more is packed.
	maxPlainRows = 1_000_000
	// maxTexts bounds the characters of the rows before they are packed, which the
	// script has to hold.
	maxTexts = 60_000_000
)

// rowsJSON are the rows of the table, by column. What many rows share stands once:
// names give what they have in common with the name before, and what is said
// about a row has functionName where it names the function.
type rowsJSON struct {
	Targets  []string       `json:"targets"`
	Settings []string       `json:"settings"`
	Kinds    [][3]string    `json:"kinds"` // what became of it, its tone, its risk
	Texts    []rowText      `json:"texts"`
	Target   []int          `json:"target"`
	Text     []int          `json:"text"`
	Shared   []int          `json:"shared"` // characters
	Rest     []string       `json:"rest"`
	Facts    map[int]string `json:"facts"` // of few rows
	Authors  []string       `json:"authors,omitempty"`
	Author   map[int]int    `json:"author,omitempty"` // of the rows that have one
	Left     int            `json:"left"`             // rows that had no room
}

// rowText is what is said about a row: kind, settings as bits, message, details, what
// to do next, where it was declared.
type rowText [6]any

// rows writes the table and its data.
func (d *htmlPage) rows() error {
	data := d.run.rows()
	kind, encoded, err := data.encode()
	for err == nil && len(encoded) > maxRows {
		data.shorten(len(data.Text) * (maxRows - maxRows/50) / len(encoded))
		kind, encoded, err = data.encode()
	}
	if err != nil {
		return err
	}
	n := len(data.Text)
	d.Put("<section class=\"rows\" id=\"rows\" aria-labelledby=\"rows-title\">\n<h2 id=\"rows-title\">Configs that differ or need attention</h2>\n")
	if n == 0 {
		d.Put("<p>There are none.</p>\n</section>\n")
		return nil
	}
	if data.Left > 0 {
		d.Put("<p class=\"warn\">%s more have no room in a page of 8 MB; -o json has them all.</p>\n", count(data.Left, "row"))
	}
	d.Put("%s", page.Markup(rowsTable))
	d.Put(`<script type="%s" id="data">%s</script>`+"\n", kind, page.Markup(encoded))
	return nil
}

// encode is the rows as JSON, which cannot end the element that it stands in: < is
// \u003c. Many are packed, and encoded once more.
func (data *rowsJSON) encode() (kind, encoded string, err error) {
	text, err := json.Marshal(data)
	if err != nil {
		return "", "", fmt.Errorf("write the HTML report: %w", err)
	}
	if len(text) <= maxPlainRows {
		return "application/json", string(text), nil
	}
	var b strings.Builder
	to := base64.NewEncoder(base64.StdEncoding, &b)
	packed, _ := gzip.NewWriterLevel(to, gzip.BestSpeed) // fails for a level that is none
	packed.Write(text)                                   // into memory
	packed.Close()
	to.Close()
	return "application/gzip", b.String(), nil
}

// shorten keeps the first rows.
func (data *rowsJSON) shorten(n int) {
	data.Left += len(data.Text) - n
	data.Target, data.Text, data.Shared, data.Rest = data.Target[:n], data.Text[:n], data.Shared[:n], data.Rest[:n]
	maps.DeleteFunc(data.Author, func(i, _ int) bool { return i >= n })
	maps.DeleteFunc(data.Facts, func(i int, _ string) bool { return i >= n })
	data.Texts = data.Texts[:slices.Max(data.Text)+1] // they came in the order of the rows
}

// rows gathers the rows of the table.
func (r *Run) rows() *rowsJSON {
	data := &rowsJSON{Targets: []string{"the run"}, Kinds: [][3]string{}, Texts: []rowText{}, Facts: map[int]string{}, Author: map[int]int{}}
	settings := desired.AllSettings()
	data.Settings = slice.Map(settings[:], desired.Setting.String)
	targets := map[desired.Target]int{{}: 0}
	for _, t := range r.plans() {
		intern(targets, t.Target, &data.Targets, Clean(where(t.Label, t.Target)))
	}
	kinds, texts, authors := map[[3]string]int{}, map[string]int{}, map[string]int{}
	size, last := 0, ""
	r.remarks(func(m remark) {
		kind, text := m.kind(), m.text()
		spelt := strings.Join(append([]string{kind[0], kind[1], kind[2], text.message, text.hint, text.place}, text.details...), "\x00")
		at, known := texts[spelt]
		shared := commonPrefix(last, m.name)
		size += len(m.name) - shared + len(m.facts) + 24 // and its numbers
		if !known {
			size += len(spelt) + 40
		}
		if size > maxTexts {
			data.Left++
			return
		}
		if !known {
			at = intern(texts, spelt, &data.Texts, rowText{intern(kinds, kind, &data.Kinds, kind), text.settings, text.message, text.details, text.hint, text.place})
		}
		if m.author != "" {
			data.Author[len(data.Text)] = intern(authors, m.author, &data.Authors, m.author)
		}
		if m.facts != "" {
			data.Facts[len(data.Text)] = m.facts
		}
		data.Target, data.Text = append(data.Target, targets[m.target]), append(data.Text, at)
		data.Shared, data.Rest = append(data.Shared, shared), append(data.Rest, m.name[shared:])
		last = m.name
	})
	return data
}

// intern is the place of a key's value, which is added where it is new.
func intern[K comparable, V any](index map[K]int, key K, all *[]V, value V) int {
	at, known := index[key]
	if !known {
		at = len(*all)
		index[key], *all = at, append(*all, value)
	}
	return at
}

// commonPrefix is how many characters two texts begin with alike, in ASCII alone, so
// that bytes here are characters there.
func commonPrefix(a, b string) int {
	n := 0
	for n < len(a) && n < len(b) && a[n] == b[n] && a[n] < 0x80 {
		n++
	}
	return n
}

var (
	riskTexts = [numRisks]string{"may lose events", "may run twice", ""}
	riskTones = [numRisks]string{"bad", "warn", ""}
)

// kind is what became of a remark's config in words, its tone, and its risk.
func (m *remark) kind() [3]string {
	risk := ""
	if m.state != "" {
		risk = riskTexts[m.risk]
	}
	tone := map[verdict]string{passed: "good", skipped: "plain", differs: "warn", erred: "bad"}[m.verdict]
	return [3]string{cmp.Or(m.state, strings.ReplaceAll(m.rule, "_", " ")), tone, risk}
}

type remarkText struct {
	settings             int // bits
	message, hint, place string
	details              []string
}

// text is what is said about a remark's config, without the name of its function.
func (m *remark) text() remarkText {
	t := remarkText{hint: template(m.hint, m.config.Function), details: []string{}}
	if m.line > 0 { // else nobody knows which of the files it was
		t.place = m.place()
	}
	for _, line := range m.details {
		if line != m.facts {
			t.details = append(t.details, template(line, m.config.Function))
		}
		for i, s := range desired.AllSettings() {
			if strings.HasPrefix(line, s.String()+":") {
				t.settings |= 1 << i
			}
		}
	}
	if m.state == "" || len(t.details) == 0 { // else its details say the same
		t.message = template(m.message, m.config.Function)
	}
	return t
}
