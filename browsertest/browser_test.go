package browsertest

import (
	"context"
	"fmt"
	"net/http"
	"net/http/httptest"
	"os"
	"os/exec"
	"path/filepath"
	"slices"
	"strings"
	"sync"
	"sync/atomic"
	"testing"
	"time"

	"github.com/chromedp/cdproto/cdp"
	"github.com/chromedp/cdproto/emulation"
	"github.com/chromedp/cdproto/input"
	"github.com/chromedp/cdproto/log"
	"github.com/chromedp/cdproto/network"
	"github.com/chromedp/cdproto/runtime"
	"github.com/chromedp/chromedp"
)

// patience is how long a page may take for a step: a machine may be busy, and nothing
// is measured by it.
const patience = 2 * time.Minute

// tab is a page that is open in a browser, with all that it complained of or asked for.
type tab struct {
	context.Context
	t *testing.T

	host string

	requests atomic.Int64

	mu     sync.Mutex
	faults []string
}

// call is one command of the browser's protocol.
func call[P, R any](command cdp.Command[P, R], params P) chromedp.Action[chromedp.Void] {
	return chromedp.Func(func(ctx context.Context, t *chromedp.Target) error {
		_, err := cdp.Call(ctx, t, command, params)
		return err
	})
}

// browser is started by the first test that needs it, and stopped by TestMain.
var browser = sync.OnceValues(func() (context.Context, error) {
	var ctx context.Context
	ctx, stop = chromedp.NewContext(context.Background(),
		chromedp.WithAllocatorOptions(chromedp.ExecPath(path), chromedp.NoSandbox, chromedp.WSURLReadTimeout(patience)))
	return ctx, chromedp.Do(ctx)
})

var (
	path = find()
	stop = func() {}
)

func find() string {
	for _, name := range []string{"chromium", "chromium-browser", "google-chrome", "google-chrome-stable"} {
		if path, err := exec.LookPath(name); err == nil {
			return path
		}
	}
	return ""
}

func TestMain(m *testing.M) {
	code := m.Run()
	stop()
	os.Exit(code)
}

// look is a way to look at a page.
type look struct {
	name          string
	width, height int64
	dark          bool
}

var looks = []look{
	{"desktop-light", 1280, 900, false}, {"desktop-dark", 1280, 900, true},
	{"phone-light", 390, 844, false}, {"phone-dark", 390, 844, true},
}

// serve answers with one document, and with an icon.
func serve(t *testing.T, document string) string {
	server := httptest.NewServer(http.HandlerFunc(func(w http.ResponseWriter, r *http.Request) {
		if r.URL.Path != "/" {
			return
		}
		w.Header().Set("Content-Type", "text/html; charset=utf-8")
		fmt.Fprint(w, document)
	}))
	t.Cleanup(server.Close)
	return server.URL + "/"
}

// open opens a page. When the test ends it must not have complained, nor have asked
// another host for anything.
func open(t *testing.T, url string, l look) *tab {
	t.Helper()
	if path == "" {
		t.Skip("skipped: there is no Chromium on this machine (Debian and Ubuntu: apt-get install chromium)")
	}
	parent, err := browser()
	if err != nil {
		t.Fatal(err)
	}
	host, _, _ := strings.Cut(strings.TrimPrefix(url, "http://"), "/")
	p := &tab{t: t, host: host}
	ctx, cancel := chromedp.NewContext(parent, chromedp.WithListener(func(event any) {
		switch e := event.(type) {
		case *runtime.EventExceptionThrown:
			p.fault(fmt.Sprint("throws ", e.ExceptionDetails))
		case *log.EventEntryAdded:
			p.fault("complains: " + e.Entry.Text + " " + e.Entry.URL)
		case *runtime.EventConsoleAPICalled:
			p.fault("logs by console." + string(e.Type))
		case *network.EventRequestWillBeSent:
			p.requests.Add(1)
			if to := e.Request.URL; !strings.HasPrefix(to, "http://"+host+"/") {
				p.fault("asks for " + to)
			}
		}
	}))
	t.Cleanup(cancel)
	p.Context = ctx
	if err := chromedp.Do(ctx); err != nil { // a tab lives as long as the context of its first action
		t.Fatal(err)
	}
	scheme := "light"
	if l.dark {
		scheme = "dark"
	}
	p.do(call(log.Enable, cdp.Empty{}), call(network.Enable, network.EnableParams{}), call(runtime.Enable, cdp.Empty{}),
		call(emulation.SetDeviceMetricsOverride, emulation.SetDeviceMetricsOverrideParams{Width: l.width, Height: l.height, DeviceScaleFactor: 1, Mobile: l.width < 600}),
		call(emulation.SetEmulatedMedia, emulation.SetEmulatedMediaParams{Features: []*emulation.MediaFeature{{Name: "prefers-color-scheme", Value: scheme}}}),
		chromedp.Navigate(url))
	if p.requests.Load() == 0 {
		t.Fatal("the requests of the page are not seen")
	}
	t.Cleanup(func() {
		p.mu.Lock()
		defer p.mu.Unlock()
		for _, f := range p.faults {
			t.Errorf("%s: the page %s", l.name, f)
		}
	})
	return p
}

func (p *tab) fault(text string) {
	p.mu.Lock()
	defer p.mu.Unlock()
	p.faults = append(p.faults, text)
}

// forgive takes back complaints that a test has made happen.
func (p *tab) forgive(part string) {
	p.mu.Lock()
	defer p.mu.Unlock()
	p.faults = slices.DeleteFunc(p.faults, func(f string) bool { return strings.Contains(f, part) })
}

func (p *tab) do(actions ...chromedp.Action[chromedp.Void]) {
	p.t.Helper()
	run(p, chromedp.Steps(actions...))
}

func run[T any](p *tab, action chromedp.Action[T]) T {
	p.t.Helper()
	ctx, cancel := context.WithTimeout(p.Context, patience)
	defer cancel()
	answer, err := chromedp.Run(ctx, action)
	if err != nil {
		p.t.Fatal(err)
	}
	return answer
}

// ask gives what an expression of the page is.
func ask[T any](p *tab, expression string) T {
	p.t.Helper()
	return run(p, chromedp.Evaluate[T](expression))
}

// until waits for an expression to become true, on the page that follows this one too.
func (p *tab) until(expression string) {
	p.t.Helper()
	ctx, cancel := context.WithTimeout(p.Context, patience)
	defer cancel()
	for {
		_, err := chromedp.Run(ctx, chromedp.Poll[bool](expression, chromedp.WithPollingTimeout(patience)))
		switch {
		case err == nil:
			return
		case ctx.Err() != nil || !strings.Contains(err.Error(), "navigated") && !strings.Contains(err.Error(), "context"):
			p.t.Fatalf("%s does not come true: %v", expression, err)
		}
	}
}

// press presses a key as a keyboard does: what the page makes of it is known before it
// becomes a character.
func (p *tab) press(key, text string, code int64) {
	p.t.Helper()
	p.do(call(input.DispatchKeyEvent, input.DispatchKeyEventParams{Type: input.DispatchKeyEventTypeKeyDown, Key: key, Text: text, WindowsVirtualKeyCode: code}),
		call(input.DispatchKeyEvent, input.DispatchKeyEventParams{Type: input.DispatchKeyEventTypeKeyUp, Key: key, WindowsVirtualKeyCode: code}))
}

func (p *tab) search() { p.press("/", "/", 0) }

// keep leaves a picture of the whole page where one was asked for.
func (p *tab) keep(name string) {
	folder := os.Getenv("EVENTINVOKE_SCREENSHOTS")
	if folder == "" {
		return
	}
	picture := run(p, chromedp.FullScreenshot(100))
	if err := os.WriteFile(filepath.Join(folder, name+".png"), picture, 0o644); err != nil {
		p.t.Fatal(err)
	}
}

// check holds a page to what every page promises: nothing wider than the screen, a name
// for everything that is used, and enough contrast.
func (p *tab) check(l look) {
	p.t.Helper()
	if wide := ask[int64](p, "document.documentElement.scrollWidth"); wide > l.width {
		p.t.Errorf("%s: the page is %d wide on a screen of %d", l.name, wide, l.width)
	}
	for _, nameless := range ask[[]string](p, namelessScript) {
		p.t.Errorf("%s: has no name: %s", l.name, nameless)
	}
	for _, pale := range ask[[]string](p, contrastScript) {
		p.t.Errorf("%s: too little contrast: %s", l.name, pale)
	}
}

// namelessScript lists what one can use or look at and that has no accessible name, and
// what a page lacks as a whole.
const namelessScript = `(() => {
  const bad = [];
  for (const e of document.querySelectorAll("a, button, input, select, summary, dialog, svg[role=img], [role=grid], [tabindex]")) {
    const name = e.getAttribute("aria-label") || e.labels?.[0]?.textContent || document.getElementById(e.getAttribute("aria-labelledby"))?.id || e.textContent;
    if (!name?.trim()) bad.push(e.outerHTML.slice(0, 120));
  }
  if (!document.documentElement.lang) bad.push("the page has no language");
  if (document.querySelectorAll("h1").length !== 1) bad.push("the page has not one h1");
  if (!document.querySelector("main")) bad.push("the page has no main");
  const ids = [...document.querySelectorAll("[id]")].map(e => e.id);
  for (const id of ids) if (ids.indexOf(id) !== ids.lastIndexOf(id)) bad.push("there are two of id " + id);
  return bad;
})()`

// contrastScript lists texts with less contrast to what is behind them than WCAG 2.2 AA
// asks for: 4.5, and 3 for large text.
const contrastScript = `(() => {
  const parse = c => { const m = c.match(/[\d.]+/g).map(Number); return { rgb: m.slice(0, 3), a: m[3] ?? 1 }; };
  const light = rgb => { const [r, g, b] = rgb.map(v => { v /= 255; return v <= .04045 ? v / 12.92 : ((v + .055) / 1.055) ** 2.4; }); return .2126 * r + .7152 * g + .0722 * b; };
  const behind = e => { for (; e; e = e.parentElement) { const c = parse(getComputedStyle(e).backgroundColor); if (c.a === 1) return c.rgb; } return [255, 255, 255]; };
  const bad = new Set();
  const walk = document.createTreeWalker(document.body, NodeFilter.SHOW_TEXT);
  let looked = 0;
  for (let node; (node = walk.nextNode());) {
    const e = node.parentElement, style = getComputedStyle(e);
    if (!node.textContent.trim() || /^(SCRIPT|STYLE|NOSCRIPT|OPTION)$/.test(e.tagName) || !e.getClientRects().length) continue;
    looked++;
    const color = e.namespaceURI.endsWith("svg") ? style.fill : style.color;
    const [a, b] = [light(parse(color).rgb), light(behind(e))].sort((x, y) => y - x);
    const ratio = (a + .05) / (b + .05), size = parseFloat(style.fontSize);
    const large = size >= 24 || size >= 18.66 && +style.fontWeight >= 700;
    if (ratio < (large ? 3 : 4.5)) bad.add(ratio.toFixed(2) + " " + color + " " + e.tagName + "." + e.className + " " + node.textContent.trim().slice(0, 40));
  }
  if (looked < 10) bad.add("only " + looked + " texts were looked at");
  return [...bad];
})()`
