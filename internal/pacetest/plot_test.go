package pacetest

import (
	"fmt"
	"strings"
	"testing"
	"testing/synctest"
	"time"
)

// The plot shows one run beside the steady neighbour, paced by us in the upper
// panel and by a fixed rate in the lower one: what each party got, smoothed, and
// below it a mark for every request that was refused.
const (
	plotSpan  = 300.0 // seconds across
	plotTop   = 18.0  // requests per second at the upper edge
	plotWidth = 860.0
	plotLeft  = 70.0
	panelHigh = 190.0
	kernel    = 5.0 // seconds that the smoothing looks to either side
)

const (
	ourColour   = "#1f6feb"
	theirColour = "#d9730d"
	inkColour   = "#24292f"
	faintColour = "#d8dee4"
	mutedColour = "#57606a"
)

// panel is one run to draw.
type panel struct {
	title        string
	ours, theirs []attempt
}

func drawNeighbourScenario(t *testing.T) string {
	all := rivals()
	fixed := all[len(all)-1]
	panels := []panel{
		{title: "Paced by eventinvoke"},
		{title: "Paced at a fixed 13.5/s around each attempt, with the SDK’s standard retries"},
	}
	for i, pace := range []pacer{all[0].pace, fixed.pace} {
		synctest.Test(t, func(t *testing.T) {
			s := besideSteady(3000, 2*time.Minute)
			_, us, them := s.once(newAccount(t, s.quota, 1), pace)
			panels[i].ours, panels[i].theirs = us.sent, them.sent
		})
	}
	return draw(panels)
}

func draw(panels []panel) string {
	const top, gap = 74.0, 92.0
	height := top + float64(len(panels))*(panelHigh+gap)
	b := &strings.Builder{}
	fmt.Fprintf(b, `<svg xmlns="http://www.w3.org/2000/svg" viewBox="0 0 %g %g" font-family="system-ui, -apple-system, Segoe UI, Helvetica, Arial, sans-serif" font-size="13" fill="%s">`+"\n",
		plotLeft+plotWidth+30, height, inkColour)
	fmt.Fprintf(b, `<title>Requests served per second beside a neighbour who needs 40 %% of the quota, from 60 to 180 seconds</title>`+"\n")
	fmt.Fprintf(b, `<rect width="100%%" height="100%%" fill="#ffffff"/>`+"\n")
	fmt.Fprintf(b, `<text x="%g" y="28" font-size="17" font-weight="600">A quota of 15 requests per second, and a neighbour who needs 6 of them</text>`+"\n", plotLeft)
	legend(b, plotLeft, 50)
	for i, p := range panels {
		p.draw(b, top+20+float64(i)*(panelHigh+gap))
	}
	b.WriteString("</svg>\n")
	return b.String()
}

func legend(b *strings.Builder, x, y float64) {
	for _, entry := range []struct {
		text, colour string
		width        float64
	}{{"our calls served per second", ourColour, 220}, {"the neighbour’s", theirColour, 150}} {
		fmt.Fprintf(b, `<line x1="%g" y1="%g" x2="%g" y2="%g" stroke="%s" stroke-width="2.5"/>`, x, y-4, x+22, y-4, entry.colour)
		fmt.Fprintf(b, `<text x="%g" y="%g" fill="%s">%s</text>`+"\n", x+28, y, mutedColour, entry.text)
		x += entry.width
	}
	for i, colour := range []string{ourColour, theirColour} {
		fmt.Fprintf(b, `<line x1="%g" y1="%g" x2="%g" y2="%g" stroke="%s" stroke-width="1.5"/>`, x+4+6*float64(i), y-10, x+4+6*float64(i), y+1, colour)
	}
	fmt.Fprintf(b, `<text x="%g" y="%g" fill="%s">a request refused (429)</text>`+"\n", x+18, y, mutedColour)
}

func across(second float64) float64 { return plotLeft + second/plotSpan*plotWidth }

// draw draws the panel with its upper edge at y.
func (p panel) draw(b *strings.Builder, y float64) {
	up := func(rate float64) float64 { return y + panelHigh*(1-rate/plotTop) }
	base := up(0)
	fmt.Fprintf(b, `<text x="%g" y="%g" font-weight="600">%s</text>`+"\n", plotLeft, y-4, p.title)
	fmt.Fprintf(b, `<rect x="%g" y="%g" width="%g" height="%g" fill="#fff8ee"/>`+"\n", across(60), y+6, across(180)-across(60), panelHigh-6)
	fmt.Fprintf(b, `<text x="%g" y="%g" text-anchor="middle" fill="%s" font-size="12">the neighbour is at work</text>`+"\n", across(120), up(15)-10, theirColour)
	for rate := 0.0; rate <= 15; rate += 5 {
		fmt.Fprintf(b, `<line x1="%g" y1="%g" x2="%g" y2="%g" stroke="%s"/>`, plotLeft, up(rate), plotLeft+plotWidth, up(rate), faintColour)
		fmt.Fprintf(b, `<text x="%g" y="%g" text-anchor="end" fill="%s">%g/s</text>`+"\n", plotLeft-8, up(rate)+4, mutedColour, rate)
	}
	fmt.Fprintf(b, `<line x1="%g" y1="%g" x2="%g" y2="%g" stroke="#cf222e" stroke-dasharray="6 4"/>`, plotLeft, up(15), plotLeft+plotWidth, up(15))
	fmt.Fprintf(b, `<text x="%g" y="%g" text-anchor="end" fill="#cf222e" font-size="12">quota</text>`+"\n", plotLeft+plotWidth, up(15)-5)
	for s := 0.0; s <= plotSpan; s += 30 {
		fmt.Fprintf(b, `<line x1="%g" y1="%g" x2="%g" y2="%g" stroke="%s"/>`, across(s), base, across(s), base+4, mutedColour)
		fmt.Fprintf(b, `<text x="%g" y="%g" text-anchor="middle" fill="%s">%g s</text>`+"\n", across(s), base+48, mutedColour, s)
	}
	curve(b, p.theirs, theirColour, up)
	curve(b, p.ours, ourColour, up)
	marks(b, p.ours, ourColour, base+9)
	marks(b, p.theirs, theirColour, base+20)
	fmt.Fprintf(b, `<text x="%g" y="%g" text-anchor="end" fill="%s">429s</text>`+"\n", plotLeft-8, base+24, mutedColour)
}

// curve draws what was served per second.
func curve(b *strings.Builder, sent []attempt, colour string, up func(float64) float64) {
	if len(sent) == 0 {
		return
	}
	first, last := sent[0].at.Seconds(), sent[len(sent)-1].at.Seconds()
	var points []string
	for s := first; s <= min(last, plotSpan); s++ {
		points = append(points, fmt.Sprintf("%.1f,%.1f", across(s), up(servedAt(sent, s, first, last))))
	}
	fmt.Fprintf(b, `<polyline fill="none" stroke="%s" stroke-width="2" stroke-linejoin="round" points="%s"/>`+"\n", colour, strings.Join(points, " "))
}

// servedAt is the rate at an instant: requests near it weigh more, and nothing is
// taken to have been sent outside first and last.
func servedAt(sent []attempt, at, first, last float64) float64 {
	weight := func(d float64) float64 { return max(0, 1-max(d, -d)/kernel) }
	served, possible := 0.0, 0.0
	for _, a := range sent {
		if a.status == 200 {
			served += weight(a.at.Seconds() - at)
		}
	}
	const step = 0.1
	for s := at - kernel; s < at+kernel; s += step {
		if s >= first && s <= last {
			possible += weight(s-at) * step
		}
	}
	return served / max(possible, step)
}

// marks draws a line for each refusal, and says how many there were.
func marks(b *strings.Builder, sent []attempt, colour string, y float64) {
	var path strings.Builder
	refused := 0
	for _, a := range sent {
		if !a.throttled() {
			continue
		}
		refused++
		if s := a.at.Seconds(); s <= plotSpan {
			fmt.Fprintf(&path, "M%.1f %gv9", across(s), y)
		}
	}
	fmt.Fprintf(b, `<path d="%s" stroke="%s" stroke-width="1.2" fill="none"/>`+"\n", path.String(), colour)
	fmt.Fprintf(b, `<text x="%g" y="%g" text-anchor="end" fill="%s" font-size="12">%d of %d refused</text>`+"\n", plotLeft+plotWidth, y+9, colour, refused, len(sent))
}
