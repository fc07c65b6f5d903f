package main

import (
	"bytes"
	"cmp"
	"context"
	"flag"
	"fmt"
	"hash/fnv"
	"io"
	"log/slog"
	"maps"
	"math/rand/v2"
	"net/http"
	"net/http/httptest"
	"os"
	"os/exec"
	"path/filepath"
	"regexp"
	"slices"
	"strconv"
	"strings"
	"sync"
	"testing"
	"testing/synctest"
	"time"

	"github.com/eventinvoke/eventinvoke/desired"
	"github.com/eventinvoke/eventinvoke/internal/awssim"
	"github.com/eventinvoke/eventinvoke/internal/events"
	"github.com/eventinvoke/eventinvoke/internal/fights"
	"github.com/eventinvoke/eventinvoke/internal/worker"
)

var (
	soakDays  = flag.Int("days", 3, "how long a life TestWorkerSoak makes of a fleet")
	soakSeeds = flag.Int("seeds", 1, "of how many fleets")
)

// TestWorkerSoak is fleet life in virtual time: deployments, new functions, tags that
// hand functions over, events that are lost or doubled, a second writer, replicas and
// shards that come and go, and one situation after the other of those that have an
// alarm. In the end every config is as declared, nothing was written that was ignored, no message
// is lost; and promtool, fed with what the workers served, says that each situation
// rang its alarm and no other did.
//
// A life goes by its seed alone, so that one that failed can be looked at again:
//
//	go test ./cmd/eventinvoke -run '^TestWorkerSoak$/^7$' -days 30 -seeds 8 -artifacts
func TestWorkerSoak(t *testing.T) {
	t.Parallel() // with the scripts, which mostly wait
	for seed := range *soakSeeds {
		t.Run(fmt.Sprint(seed), func(t *testing.T) {
			t.Parallel()
			soakOf(t, uint64(seed), *soakDays*24/int(soakSlot.Hours()))
		})
	}
}

// A slot is one situation: quiet before, the fault, and time to recover.
const (
	soakSlot     = 6 * time.Hour
	soakBegins   = 2 * time.Hour
	soakEnds     = soakBegins + 150*time.Minute
	soakRings    = soakEnds + 75*time.Minute // an alarm looks back three quarters of an hour
	soakStep     = 30 * time.Second
	soakInterval = 2 * time.Minute // between samples of the metrics
	soakEvery    = 15 * time.Minute
)

// fightRings is when a fight is over at the latest: two pauses after its last write. A pause
// between corrections is as long as a hot config is left alone, and until the next sweep.
var fightRings = soakEnds + 2*(fights.Hot.Window+soakEvery)

// situations are the faults and their alarms.
var situations = []struct {
	name, alarm string
}{
	{"all is well", ""},
	{"out of reach", "EventinvokeNoSuccess"},
	{"credentials expired", "EventinvokeCredentials"},
	{"an account is closed", "EventinvokeTargetDown"},
	{"a function cannot be read", "EventinvokeUnreadable"},
	{"more drift than the guard lets pass", "EventinvokeGuard"},
	{"a write is refused", "EventinvokeDriftStays"},
	{"another tool wants something else", "EventinvokeFight"},
	{"the fleet file is broken", "EventinvokeFleetFiles"},
	{"the history cannot be written", "EventinvokeHistory"},
	{"the queue is gone", "EventinvokeQueueGone"},
	{"no worker runs", "EventinvokeGone"},
}

// soak is the world of one seed.
type soak struct {
	t       *testing.T
	seed    uint64
	random  *rand.Rand
	started int // processes, so far
	inStep  int // the first of those that go in step; 0: none do
	world   *awssim.World
	fleet   string
	history string
	began   time.Time

	mu       sync.Mutex
	fault    string
	victim   string               // the function that a fault is about
	ignored  map[string]time.Time // since when
	homes    map[string]desired.Target
	touched  map[string][]time.Time // by others
	queue    []*soakMessage
	sent     int
	problems []string

	log     *os.File
	slots   [2]*soakProcess
	samples int
	series  map[string][]string
	rings   []ring
}

// ring is what must fire within a time, and nothing else may.
type ring struct {
	from, to    time.Duration
	name, alarm string
}

type soakMessage struct {
	hints    []events.Hint
	luck     int // decides which process gets it
	sent     time.Time
	due      time.Time
	holder   *soakProcess
	answered bool
}

type soakProcess struct {
	*server
	*worker.Worker
	stop func()
}

func soakOf(t *testing.T, seed uint64, slots int) {
	folder := t.TempDir()
	s := &soak{
		t: t, seed: seed, random: rand.New(rand.NewPCG(seed, 11)), fleet: filepath.Join(folder, "fleet.yaml"), history: filepath.Join(folder, "history"),
		ignored: map[string]time.Time{}, homes: map[string]desired.Target{}, touched: map[string][]time.Time{}, series: map[string][]string{},
	}
	log, err := os.Create(filepath.Join(t.ArtifactDir(), "life.log")) // kept with -artifacts
	if err != nil {
		t.Fatal(err)
	}
	defer log.Close()
	s.log = log
	var order []int
	for len(order) < slots {
		order = append(order, s.random.Perm(len(situations))...)
	}
	synctest.Test(t, func(t *testing.T) {
		s.t, s.began = t, time.Now()
		s.found()
		for _, n := range order[:slots] {
			s.live(situations[n].name, situations[n].alarm)
		}
		s.settle()
	})
	s.t = t
	s.rung(folder)
	t.Logf("%d days, %d messages, %d requests, %d writes, %d samples of %d series", slots*int(soakSlot.Hours())/24, s.sent, s.world.Counts().Total, s.world.Counts().Writes, s.samples, len(s.series))
}

const soakFleet = `version: 1
ignore: [{ functions: ["*"], tags: { owner: others } }]
rules: [{ match: { functions: ["f-*"] }, set: { maximum_retry_attempts: 0 } }]
targets:
  - { name: home, account: "111111111111", regions: [eu-west-1, us-east-1] }
  - { name: shop, account: "222222222222", regions: [eu-west-1, us-east-1], role_arn: "arn:aws:iam::222222222222:role/fleet" }
`

// found makes the world.
func (s *soak) found() {
	scenario := &awssim.Scenario{Version: 1, Quota: awssim.Quota{Rate: 15, Burst: 15}, CallLog: -1}
	for a, id := range []string{account, second} {
		regions := map[string]awssim.Region{}
		for r, region := range []string{"eu-west-1", "us-east-1"} {
			var functions []awssim.Function
			for n := range 8 {
				name := fmt.Sprintf("f-%d%d-%d", a, r, n)
				functions = append(functions, awssim.Function{Name: name})
				s.homes[name] = desired.Target{Account: id, Region: region}
			}
			regions[region] = awssim.Region{Functions: functions}
		}
		scenario.Accounts = append(scenario.Accounts, awssim.Account{Account: id, Regions: regions, Roles: []awssim.Role{{Name: "fleet"}}})
	}
	s.world = newWorld(s.t, scenario)
	// The first sweep creates all: it is let pass.
	replace(s.t, s.fleet, "guard: { max_changes: 100% }\n"+soakFleet)
	s.start(0, 0, 0)
	for range 10 * time.Minute / soakStep {
		s.sample()
		time.Sleep(soakStep)
	}
	replace(s.t, s.fleet, soakFleet)
}

// live is one slot.
func (s *soak) live(name, alarm string) {
	start := time.Now()
	began := start.Sub(s.began)
	rings := soakRings
	if alarm == "EventinvokeFight" {
		rings = fightRings
	}
	s.rings = append(s.rings, ring{began + soakBegins, began + rings, name, alarm})
	s.arrange()
	begun, over := false, false
	for at := time.Duration(0); at < soakSlot; at += soakStep {
		if !begun && at >= soakBegins {
			begun = true
			s.begin(name)
		}
		if !over && at >= soakEnds {
			over = true
			s.end(name)
		}
		s.happen(at)
		s.deliver()
		s.sample()
		time.Sleep(time.Until(start.Add(at + soakStep)))
	}
}

// arrange has one worker, two that do the same, or two that share the work. Two that do
// the same may go in step, so that each sweep of one meets one of the other.
func (s *soak) arrange() {
	s.stopAll()
	s.inStep = 0
	switch s.random.IntN(4) {
	case 0:
		s.start(0, 0, 0)
	case 1:
		s.inStep = s.started + 1
		fallthrough
	case 2:
		s.start(0, 0, 0)
		s.start(1, 0, 0)
	case 3:
		s.start(0, 0, 2)
		s.start(1, 1, 2)
	}
}

func (s *soak) options() *serveOptions {
	o := &serveOptions{every: soakEvery, settle: worker.DefaultSettle, apply: true}
	s.started++
	door := soakDoor{s, s.started, cmp.Or(s.inStep, s.started)}
	o.simulate, o.simulator, o.location, o.insights, o.random = "world", door, s.history, "off", door.chance
	return o
}

func (s *soak) app() *app {
	return &app{streams: streams{in: strings.NewReader(""), out: io.Discard, err: io.Discard}, log: slog.New(slog.NewTextHandler(s.log, nil)).With("w", s.started)}
}

func (s *soak) start(slot, index, count int) {
	o := s.options()
	if count > 0 {
		o.flag = fmt.Sprintf("%d/%d", index, count)
	}
	if err := o.check(); err != nil {
		s.t.Fatal(err)
	}
	server, err := s.app().newServer([]string{s.fleet}, o)
	if err != nil {
		s.t.Fatal(err)
	}
	timetable, err := o.timetable()
	if err != nil {
		s.t.Fatal(err)
	}
	p := &soakProcess{server: server, Worker: server.worker(timetable)}
	server.metrics.QueueOpened(func() time.Duration { return s.oldest(p) })
	ctx, cancel := context.WithCancel(context.Background())
	over := make(chan struct{})
	go func() { p.Run(ctx); close(over) }()
	p.stop = func() {
		cancel()
		<-over
		server.close()
	}
	s.slots[slot] = p
}

func (s *soak) stopAll() {
	for i, p := range s.slots {
		if p != nil {
			p.stop()
			s.slots[i] = nil
		}
	}
}

func (s *soak) alive() []*soakProcess {
	return slices.DeleteFunc(slices.Clone(s.slots[:]), func(p *soakProcess) bool { return p == nil })
}

// begin makes the fault of a situation.
func (s *soak) begin(name string) {
	s.mu.Lock()
	s.fault, s.victim = name, s.one()
	for tries := 0; !s.touch(s.victim, 2) && tries < 100; tries++ {
		s.victim = s.one()
	}
	s.mu.Unlock()
	switch name {
	case "more drift than the guard lets pass":
		for i, f := range s.managed() {
			if i%3 > 0 {
				s.set(f, 2)
			}
		}
	case "a write is refused":
		home := s.homes[s.victim]
		if err := s.world.Refuse(home.Account, home.Region, s.victim, "The provided destination config is invalid."); err != nil {
			s.t.Fatal(err)
		}
		s.set(s.victim, 2)
	case "the fleet file is broken":
		replace(s.t, s.fleet, soakFleet+"functions: [{ nam: x }]\n")
	case "the history cannot be written":
		if err := os.Rename(s.history, s.history+".away"); err != nil {
			s.t.Fatal(err)
		}
		if err := os.WriteFile(s.history, nil, 0o600); err != nil {
			s.t.Fatal(err)
		}
	case "no worker runs":
		s.stopAll()
	}
}

// end is what somebody does about it.
func (s *soak) end(name string) {
	s.mu.Lock()
	s.fault = ""
	s.mu.Unlock()
	switch name {
	case "more drift than the guard lets pass":
		for _, f := range s.managed() {
			s.set(f, 0)
		}
	case "a write is refused":
		home := s.homes[s.victim]
		if err := s.world.Refuse(home.Account, home.Region, s.victim, ""); err != nil {
			s.t.Fatal(err)
		}
	case "the fleet file is broken":
		replace(s.t, s.fleet, soakFleet)
	case "the history cannot be written":
		if err := os.Remove(s.history); err != nil {
			s.t.Fatal(err)
		}
		if err := os.Rename(s.history+".away", s.history); err != nil {
			s.t.Fatal(err)
		}
	case "no worker runs":
		s.arrange()
	}
}

// happen is what other people do in a step.
func (s *soak) happen(at time.Duration) {
	chance := func(perHour float64) bool { return s.random.Float64() < perHour*soakStep.Hours() }
	f := s.one()
	if chance(1) && s.touch(f, 1) { // a deployment sets its own idea
		if s.random.IntN(4) == 0 {
			home := s.homes[f]
			_ = s.world.DeleteRecord(home.Account, home.Region, f, "$LATEST") // it may have none
			s.send(f, "DeleteFunctionEventInvokeConfig", someone, .1)
		} else {
			s.set(f, 2)
			s.send(f, "PutFunctionEventInvokeConfig", someone, .1)
		}
	}
	if chance(.2) && len(s.homes) < 80 {
		home := s.homes[f]
		name := fmt.Sprintf("f-new-%d", len(s.homes))
		if err := s.world.AddFunction(home.Account, home.Region, awssim.Function{Name: name}); err != nil {
			s.t.Fatal(err)
		}
		s.mu.Lock()
		s.homes[name] = home
		s.mu.Unlock()
		s.send(name, "CreateFunction20150331", someone, .2)
	}
	if chance(.3) { // handed over, or back
		s.hand(f, s.random.IntN(2) == 0)
	}
	if fault := s.fault; fault == "another tool wants something else" && at%(3*time.Minute) == 0 {
		s.set(s.victim, 2)
		s.send(s.victim, "PutFunctionEventInvokeConfig", terraform, 0)
	} else if fault == "" && chance(.3) {
		s.writer()
	} else if fault == "" && chance(.2) && at > soakRings {
		s.arrange()
	}
}

// touch reports whether somebody may change a function: three corrections within a week
// are a fight, which is a situation of its own.
func (s *soak) touch(f string, most int) bool {
	s.touched[f] = slices.DeleteFunc(s.touched[f], func(at time.Time) bool { return time.Since(at) > 8*24*time.Hour })
	if len(s.touched[f]) >= most {
		return false
	}
	s.touched[f] = append(s.touched[f], time.Now())
	return true
}

// hand gives a function to others, who set what they like, or takes it back.
func (s *soak) hand(f string, over bool) {
	_, was := s.ignored[f]
	if f == s.victim || was == over || over && len(s.ignored) > len(s.homes)/4 || !s.touch(f, 1) {
		return
	}
	home := s.homes[f]
	tags := map[string]string{}
	if over {
		tags["owner"] = "others"
	}
	if err := s.world.SetTags(home.Account, home.Region, f, tags); err != nil {
		s.t.Fatal(err)
	}
	if over {
		s.set(f, 1)
	}
	s.mu.Lock()
	if over {
		s.ignored[f] = time.Now()
	} else {
		delete(s.ignored, f)
	}
	s.mu.Unlock()
	s.send(f, "TagResource20170331v2", someone, .2)
}

// writer is another process that makes one sweep of its own.
func (s *soak) writer() {
	o := s.options()
	if err := o.check(); err != nil {
		s.t.Fatal(err)
	}
	server, err := s.app().newServer([]string{s.fleet}, o)
	if err != nil {
		s.t.Fatal(err)
	}
	go func() {
		server.run(context.Background(), worker.Scope{All: true})
		server.close()
	}()
}

// managed are the functions that are the fleet's, sorted.
func (s *soak) managed() []string {
	return slices.DeleteFunc(slices.Sorted(maps.Keys(s.homes)), func(f string) bool { _, is := s.ignored[f]; return is })
}

func (s *soak) one() string {
	all := s.managed()
	return all[s.random.IntN(len(all))]
}

func (s *soak) set(f string, retries int) {
	home := s.homes[f]
	if err := s.world.SetRecord(home.Account, home.Region, f, "$LATEST", awssim.Record{MaximumRetryAttempts: &retries}); err != nil {
		s.t.Fatal(err)
	}
}

// send has an event delivered: never, once or twice.
func (s *soak) send(f, call, principal string, lost float64) {
	s.sent++
	if s.random.Float64() < lost {
		return
	}
	home := s.homes[f]
	arn := "arn:aws:lambda:" + home.Region + ":" + home.Account + ":function:" + f
	hints, err := events.Decode(fmt.Appendf(nil, `{"source":"aws.lambda","detail-type":"AWS API Call via CloudTrail","account":%q,"region":%q,"time":%q,"detail":{"eventSource":"lambda.amazonaws.com",
		"eventName":%q,"eventID":"e-%d","awsRegion":%[2]q,"recipientAccountId":%[1]q,"userIdentity":{"arn":%[6]q},"requestParameters":{"functionName":%[7]q,"resource":%[8]q}}}`,
		home.Account, home.Region, time.Now().UTC().Format(time.RFC3339), call, s.sent, principal, f, arn))
	if err != nil || len(hints) == 0 {
		s.t.Fatal(hints, err)
	}
	s.mu.Lock()
	defer s.mu.Unlock()
	for range 1 + s.random.IntN(5)/4 {
		s.queue = append(s.queue, &soakMessage{hints: hints, luck: s.random.IntN(100), sent: time.Now(), due: time.Now()})
	}
}

// deliver gives due messages to whoever asks the queue, and takes what they say.
func (s *soak) deliver() {
	processes := s.alive()
	if len(processes) == 0 || s.fault == "the queue is gone" {
		return
	}
	for _, p := range processes {
		p.metrics.QueueAnswered()
	}
	now := time.Now()
	s.mu.Lock()
	s.queue = slices.DeleteFunc(s.queue, func(m *soakMessage) bool { return m.answered })
	due := slices.DeleteFunc(slices.Clone(s.queue), func(m *soakMessage) bool { return m.holder != nil || m.due.After(now) })
	s.mu.Unlock()
	for _, m := range due {
		time.Sleep(time.Duration(1+m.luck) * time.Millisecond) // no two of them at one instant
		m.luck++                                               // given back, it comes to another one
		p := processes[m.luck%len(processes)]
		c := worker.Classify(m.hints)
		if slices.ContainsFunc(c.Triggers, func(t worker.Trigger) bool { return p.foreign(t.Object) }) {
			continue // given back
		}
		s.mu.Lock()
		m.holder = p
		s.mu.Unlock()
		p.Wake(c.Wake(func(err error) {
			s.mu.Lock()
			defer s.mu.Unlock()
			if m.holder, m.due = nil, time.Now().Add(time.Minute); err == nil {
				if m.answered {
					s.problems = append(s.problems, "a message was answered twice")
				}
				m.answered = true
			}
		}))
	}
}

func (s *soak) oldest(p *soakProcess) time.Duration {
	s.mu.Lock()
	defer s.mu.Unlock()
	var age time.Duration
	for _, m := range s.queue {
		if m.holder == p && !m.answered {
			age = max(age, time.Since(m.sent))
		}
	}
	return age
}

// soakDoor is the simulator as one process sees it. What is chance elsewhere, the time
// that a request takes and each jitter, is by the seed here, and no two processes do
// anything at one instant: which of them is first is by the seed too, not by the machine.
type soakDoor struct {
	*soak
	process, step int
}

func (d soakDoor) DefaultRegion() string      { return d.world.DefaultRegion() }
func (d soakDoor) DefaultAccessKeyID() string { return d.world.DefaultAccessKeyID() }

// chance is from 0 up to 1, by the seed, the process or those in step, and the instant.
func (d soakDoor) chance() float64 { return d.of(d.step, "") }

func (d soakDoor) of(process int, subject string) float64 {
	h := fnv.New64a()
	fmt.Fprint(h, d.seed, process, time.Now().UnixNano(), subject)
	return rand.New(rand.NewPCG(h.Sum64(), 0)).Float64()
}

func (d soakDoor) Do(r *http.Request) (*http.Response, error) {
	took := time.NewTimer(40*time.Millisecond + time.Duration(d.of(d.process, r.Method+r.URL.Path)*float64(20*time.Millisecond)))
	defer took.Stop()
	select {
	case <-took.C:
	case <-r.Context().Done():
		return nil, context.Cause(r.Context())
	}
	return d.answer(r)
}

var configPath = regexp.MustCompile(`/functions/([^/]+)/event-invoke-config(/list)?$`)

func (s *soak) answer(r *http.Request) (*http.Response, error) {
	function, list := "", false
	if m := configPath.FindStringSubmatch(r.URL.Path); m != nil {
		function, list = m[1], m[2] != ""
	}
	s.mu.Lock()
	fault, victim := s.fault, s.victim
	if since, is := s.ignored[function]; is && r.Method != http.MethodGet && time.Since(since) > 2*time.Minute {
		s.problems = append(s.problems, fmt.Sprintf("%s was written %s after it was handed over", function, time.Since(since)))
	}
	s.mu.Unlock()
	sts := strings.HasPrefix(r.URL.Host, "sts.")
	switch {
	case fault == "out of reach":
		return nil, fmt.Errorf("dial tcp: connection refused")
	case fault == "credentials expired":
		return refusal(r, sts, "ExpiredToken", "ExpiredTokenException"), nil
	case fault == "an account is closed" && sts && r.Body != nil:
		body, _ := io.ReadAll(r.Body)
		r.Body = io.NopCloser(bytes.NewReader(body))
		if bytes.Contains(body, []byte("Action=AssumeRole")) {
			return refusal(r, true, "AccessDenied", ""), nil
		}
	case fault == "a function cannot be read" && list && function == victim:
		return refusal(r, false, "", "AccessDeniedException"), nil
	}
	return s.world.Do(r)
}

func refusal(r *http.Request, sts bool, code, lambdaCode string) *http.Response {
	header, body := http.Header{"X-Amzn-Errortype": {lambdaCode}, "Content-Type": {"application/json"}}, `{"message":"refused"}`
	if sts {
		header, body = http.Header{"Content-Type": {"text/xml"}}, `<ErrorResponse><Error><Type>Sender</Type><Code>`+code+`</Code><Message>refused</Message></Error><RequestId>r</RequestId></ErrorResponse>`
	}
	return &http.Response{StatusCode: http.StatusForbidden, Header: header, ContentLength: int64(len(body)), Body: io.NopCloser(strings.NewReader(body)), Request: r}
}

// alarmed are the metrics that the alarms look at.
var alarmed = sync.OnceValue(func() map[string]bool {
	names := map[string]bool{}
	text, _ := os.ReadFile(filepath.Join(deployFolder, "helm/eventinvoke/files/alerts.yaml"))
	for _, name := range regexp.MustCompile(`\beventinvoke_[a-z_]+\b`).FindAllString(string(text), -1) {
		names[name] = true
	}
	return names
})

// sample notes what a scrape would see, when it is time for one. A worker that ends
// takes a moment, so that the steps are no clock.
func (s *soak) sample() {
	if time.Since(s.began) < time.Duration(s.samples)*soakInterval {
		return
	}
	now := map[string]string{}
	for i, p := range s.slots {
		if p == nil {
			continue
		}
		scraped := httptest.NewRecorder()
		p.metrics.Handler().ServeHTTP(scraped, httptest.NewRequest(http.MethodGet, "/metrics", nil))
		for line := range strings.Lines(scraped.Body.String()) {
			series, value, _ := strings.Cut(strings.TrimSpace(line), " ")
			name, labels, labelled := strings.Cut(series, "{")
			if !alarmed()[name] {
				continue
			}
			if at := strings.LastIndex(strings.TrimSpace(line), "} "); labelled && at >= 0 { // a value of a label may hold a space
				labels, value = strings.TrimSpace(line)[len(name)+1:at]+",", strings.TrimSpace(line)[at+2:]
			}
			if v, err := strconv.ParseFloat(value, 64); err == nil && strings.HasSuffix(name, "_timestamp_seconds") && v > 0 {
				value = strconv.FormatFloat(v-float64(s.began.Unix()), 'f', -1, 64)
			}
			now[fmt.Sprintf(`%s{%sjob="e",instance="w%d"}`, name, labels, i)] = value
		}
	}
	for series := range now {
		if s.series[series] == nil {
			s.series[series] = slices.Repeat([]string{"_"}, s.samples)
		}
	}
	for series := range s.series {
		value, there := now[series]
		if !there {
			value = "_"
		}
		s.series[series] = append(s.series[series], value)
	}
	s.samples++
}

// settle lets the last sweep find what events missed, and looks at what is left.
func (s *soak) settle() {
	for range 2 * time.Hour / soakStep {
		s.deliver()
		time.Sleep(soakStep)
	}
	s.stopAll()
	synctest.Wait()
	for f, home := range s.homes {
		r, ok := s.world.Record(home.Account, home.Region, f, "$LATEST")
		_, ignored := s.ignored[f]
		if want := map[bool]int{true: 1}[ignored]; !ok || r.MaximumRetryAttempts == nil || *r.MaximumRetryAttempts != want {
			s.t.Errorf("%s in %s, ignored %v, is left with %s", f, home, ignored, printRecord(r))
		}
	}
	for _, m := range s.queue {
		if !m.answered {
			s.t.Errorf("a message of %s about %s was never dealt with", m.sent, m.hints[0].Function)
		}
	}
	for i, problem := range s.problems {
		if s.t.Error(problem); i == 20 {
			break
		}
	}
}

// rung asks promtool what would have rung, slot by slot.
func (s *soak) rung(folder string) {
	program, err := exec.LookPath("promtool")
	if err != nil {
		s.t.Skip("promtool is not installed, and no alarm was looked at: apt-get install prometheus")
	}
	rules, err := filepath.Abs(filepath.Join(deployFolder, "helm/eventinvoke/files/alerts.yaml"))
	if err != nil {
		s.t.Fatal(err)
	}
	var test strings.Builder
	fmt.Fprintf(&test, "rule_files: [%q]\nevaluation_interval: %s\ntests:\n  - interval: %[2]s\n    input_series:\n", rules, soakInterval)
	for _, series := range slices.Sorted(maps.Keys(s.series)) {
		fmt.Fprintf(&test, "      - { series: '%s', values: %q }\n", series, runs(s.series[series]))
	}
	fmt.Fprintln(&test, "    promql_expr_test:")
	within := func(from, to time.Duration, alarm, when string) {
		want := ""
		if alarm != "" {
			want = fmt.Sprintf(`{ labels: '{alertname=%q}', value: 1 }`, alarm)
		}
		if from, to = from.Truncate(time.Minute)+time.Minute, to.Truncate(time.Minute); from >= to {
			return // a fight may be told to the end of its slot
		}
		fmt.Fprintf(&test, "      - { expr: 'group by (alertname) (count_over_time(ALERTS{alertstate=\"firing\"}[%dm])) # %s', eval_time: %dm, exp_samples: [%s] }\n",
			int((to - from).Minutes()), when, int(to.Minutes()), want)
	}
	for _, r := range s.rings {
		within(r.from-soakBegins, r.from, "", "before: "+r.name)
		within(r.from, r.to, r.alarm, r.name)
		within(r.to, r.from-soakBegins+soakSlot, "", "after: "+r.name)
	}
	path := filepath.Join(folder, "soak_test.yaml")
	if err := os.WriteFile(path, []byte(test.String()), 0o600); err != nil {
		s.t.Fatal(err)
	}
	if out, err := exec.Command(program, "test", "rules", path).CombinedOutput(); err != nil {
		s.t.Errorf("%v\n%s", err, out)
	}
}

// runs writes values as promtool reads them, equal ones in short.
func runs(values []string) string {
	var text []string
	for i := 0; i < len(values); {
		n := i
		for n < len(values) && values[n] == values[i] {
			n++
		}
		switch {
		case values[i] == "_":
			text = append(text, fmt.Sprintf("_x%d", n-i))
		default:
			text = append(text, fmt.Sprintf("%sx%d", values[i], n-i-1))
		}
		i = n
	}
	return strings.Join(text, " ")
}
