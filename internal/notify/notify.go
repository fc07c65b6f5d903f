package notify

import (
	"bytes"
	"context"
	"encoding/json"
	"errors"
	"fmt"
	"io"
	"log/slog"
	"maps"
	"net/http"
	"net/url"
	"slices"
	"strings"
	"time"

	"github.com/aws/aws-sdk-go-v2/aws"
	"github.com/aws/aws-sdk-go-v2/aws/arn"
	"github.com/aws/aws-sdk-go-v2/service/eventbridge"
	eventbridgetypes "github.com/aws/aws-sdk-go-v2/service/eventbridge/types"
	"github.com/aws/aws-sdk-go-v2/service/sns"
	snstypes "github.com/aws/aws-sdk-go-v2/service/sns/types"

	"github.com/eventinvoke/eventinvoke/internal/awslambda"
)

// Options say whom to tell.
type Options struct {
	// Receivers are webhooks (an https URL, or http to this machine), SNS topics and
	// EventBridge buses (their ARNs).
	Receivers []string
	Version   string // of this program
	Log       *slog.Logger
	// Problem is told when a receiver cannot be told, and with nil when the last
	// digest reached all. It may be nil.
	Problem func(error)
	// Told is what earlier runs have told, or nil. Remember is given what has been
	// told by now, after each digest that changes it; it may be nil.
	Told     Told
	Remember func(context.Context, Told) error
}

// Notifier tells receivers. Its methods return at once; one goroutine sends.
type Notifier struct {
	o         Options
	receivers []receiver
	queue     chan job
	done      chan struct{}
}

// job is a digest to send, or a question whether all before it were sent.
type job struct {
	digest *Digest
	sent   chan struct{}
}

// receiver takes digests.
type receiver interface {
	send(ctx context.Context, d *Digest) error
	String() string // without anything secret
}

// pending is how many digests may wait while a receiver does not answer.
const pending = 16

// sendTime bounds what one receiver may take for one digest, tries included.
const sendTime = 40 * time.Second

// New checks the receivers and begins to send. It makes no call.
func New(ctx context.Context, o Options) (*Notifier, error) {
	if o.Log == nil {
		o.Log = slog.New(slog.DiscardHandler)
	}
	n := &Notifier{o: o, queue: make(chan job, pending), done: make(chan struct{})}
	for _, where := range o.Receivers {
		r, err := open(ctx, where, o.Version)
		if err != nil {
			return nil, err
		}
		n.receivers = append(n.receivers, r)
	}
	go n.run()
	return n, nil
}

// Tell hands over a digest. One that cannot be sent for long makes room for later ones.
func (n *Notifier) Tell(d *Digest) {
	for {
		select {
		case n.queue <- job{digest: d}:
			return
		default:
		}
		select {
		case oldest := <-n.queue:
			if oldest.sent != nil {
				close(oldest.sent)
			} else {
				n.o.Log.Warn("a notification was dropped: receivers do not answer", "waiting", pending)
			}
		default:
		}
	}
}

// Flush waits until what was told is sent, or ctx ends.
func (n *Notifier) Flush(ctx context.Context) {
	sent := make(chan struct{})
	select {
	case n.queue <- job{sent: sent}:
	case <-ctx.Done():
		return
	}
	select {
	case <-sent:
	case <-ctx.Done():
	}
}

// Close sends what waits, until ctx ends. Nothing may be told after it.
func (n *Notifier) Close(ctx context.Context) {
	close(n.queue)
	select {
	case <-n.done:
	case <-ctx.Done():
		n.o.Log.Warn("a notification was not sent: the program ends")
	}
}

func (n *Notifier) run() {
	defer close(n.done)
	for j := range n.queue {
		if j.sent != nil {
			close(j.sent)
			continue
		}
		n.deal(j.digest)
	}
}

// deal sends a digest that has news.
func (n *Notifier) deal(d *Digest) {
	before := maps.Clone(n.o.Told)
	if !n.o.Told.take(d) {
		if maps.Equal(before, n.o.Told) {
			return
		}
	} else {
		d.finish()
		err := n.send(d)
		if n.o.Problem != nil {
			n.o.Problem(err)
		}
		if err != nil {
			n.o.Told = before // so that the next run tells it
			return
		}
	}
	if n.o.Remember == nil {
		return
	}
	ctx, cancel := context.WithTimeout(context.Background(), sendTime)
	defer cancel()
	if err := n.o.Remember(ctx, n.o.Told); err != nil {
		n.o.Log.Warn("what was notified is not remembered, and will be told again", "error", err)
	}
}

// send tells all receivers, side by side.
func (n *Notifier) send(d *Digest) error {
	errs := make([]error, len(n.receivers))
	ended := make(chan int)
	for i, r := range n.receivers {
		go func() {
			ctx, cancel := context.WithTimeout(context.Background(), sendTime)
			defer cancel()
			if err := r.send(ctx, d); err != nil {
				errs[i] = fmt.Errorf("%s was not notified: %w", r, err)
				n.o.Log.Warn("not notified", "receiver", r.String(), "error", err)
			}
			ended <- i
		}()
	}
	for range n.receivers {
		<-ended
	}
	return errors.Join(errs...)
}

// Check says what is wrong with a receiver. It makes no call.
func Check(where string) error {
	if !arn.IsARN(where) {
		_, err := newWebhook(where, "")
		return err
	}
	a, err := arn.Parse(where)
	if err != nil {
		return fmt.Errorf("%q is no ARN: %w", where, err)
	}
	bus, isBus := strings.CutPrefix(a.Resource, "event-bus/")
	switch {
	case a.Service == "sns" && strings.HasSuffix(a.Resource, ".fifo"):
		return fmt.Errorf("%s is a FIFO topic; name a standard one, or a webhook or an event bus", where)
	case a.Service == "sns" && a.Resource != "" && !strings.Contains(a.Resource, ":"):
	case a.Service == "events" && isBus && bus != "":
	default:
		return fmt.Errorf("%s is neither an SNS topic (arn:aws:sns:REGION:ACCOUNT:NAME) nor an event bus (arn:aws:events:REGION:ACCOUNT:event-bus/NAME)", where)
	}
	return nil
}

// open makes a receiver of what Check finds nothing wrong with.
func open(ctx context.Context, where, version string) (receiver, error) {
	if err := Check(where); err != nil {
		return nil, err
	}
	if !arn.IsARN(where) {
		return newWebhook(where, version)
	}
	a, _ := arn.Parse(where)
	cfg, err := awslambda.LoadConfig(ctx, awslambda.Environment{Version: version, Region: a.Region})
	if err != nil {
		return nil, err
	}
	if a.Service == "sns" {
		return &topic{client: sns.NewFromConfig(cfg), arn: where}, nil
	}
	return &eventBus{client: eventbridge.NewFromConfig(cfg), arn: where}, nil
}

// webhook is an address that takes a digest as JSON. Its path is a secret.
type webhook struct {
	url    *url.URL
	client *http.Client
	agent  string
}

// webhookTries and webhookPause are how often a webhook is tried, and how long is
// waited before the second time. Each later pause is four times as long.
const (
	webhookTries = 3
	webhookPause = 2 * time.Second
)

func newWebhook(where, version string) (receiver, error) {
	u, err := url.Parse(where)
	switch {
	case err != nil || u.Host == "":
		return nil, errors.New("a receiver is neither a URL nor an ARN; use https://…, arn:aws:sns:… or arn:aws:events:…:event-bus/NAME")
	case u.Scheme == "https":
	case u.Scheme == "http" && slices.Contains([]string{"localhost", "127.0.0.1", "::1"}, u.Hostname()):
	default:
		return nil, fmt.Errorf("the webhook at %s must be https: what it is told names accounts", u.Host)
	}
	return &webhook{url: u, agent: "eventinvoke/" + version, client: &http.Client{
		Timeout: 10 * time.Second,
		// What a webhook is told goes nowhere else.
		CheckRedirect: func(*http.Request, []*http.Request) error { return http.ErrUseLastResponse },
	}}, nil
}

func (w *webhook) String() string { return w.url.Scheme + "://" + w.url.Host }

func (w *webhook) send(ctx context.Context, d *Digest) error {
	body, err := json.Marshal(d)
	if err != nil {
		return err
	}
	for try, pause := 1, webhookPause; ; try, pause = try+1, pause*4 {
		again, err := w.post(ctx, body)
		if err == nil || !again || try == webhookTries {
			return err
		}
		select {
		case <-time.After(pause):
		case <-ctx.Done():
			return err
		}
	}
}

// post sends once, and reports whether it may be worth another try.
func (w *webhook) post(ctx context.Context, body []byte) (again bool, err error) {
	req, err := http.NewRequestWithContext(ctx, http.MethodPost, w.url.String(), bytes.NewReader(body))
	if err != nil {
		return false, errors.New("the URL cannot be used")
	}
	req.Header.Set("Content-Type", "application/json")
	req.Header.Set("User-Agent", w.agent)
	resp, err := w.client.Do(req)
	if err != nil {
		if of, ok := errors.AsType[*url.Error](err); ok {
			err = of.Err // without the URL
		}
		return true, err
	}
	defer resp.Body.Close()
	answer, _ := io.ReadAll(io.LimitReader(resp.Body, maxError))
	if resp.StatusCode < 300 {
		return false, nil
	}
	err = fmt.Errorf("it answered %s", resp.Status)
	if text := shorten(string(answer)); text != "" && strings.HasPrefix(resp.Header.Get("Content-Type"), "text/plain") {
		err = fmt.Errorf("%w: %s", err, text)
	}
	return resp.StatusCode == http.StatusTooManyRequests || resp.StatusCode >= 500, err
}

// topic is an SNS topic, which sends text to people.
type topic struct {
	client *sns.Client
	arn    string
}

func (t *topic) String() string { return t.arn }

func (t *topic) send(ctx context.Context, d *Digest) error {
	list, err := json.Marshal(d.Kinds)
	if err != nil {
		return err
	}
	_, err = t.client.Publish(ctx, &sns.PublishInput{
		TopicArn: &t.arn,
		// At most 100 printable ASCII characters.
		// https://docs.aws.amazon.com/sns/latest/api/API_Publish.html
		Subject: aws.String(d.headline()[:min(100, len(d.headline()))]),
		Message: aws.String(unescapeMarkup.Replace(d.Text)),
		// A subscription may filter by what is told.
		MessageAttributes: map[string]snstypes.MessageAttributeValue{
			"kinds": {DataType: aws.String("String.Array"), StringValue: aws.String(string(list))},
			"verb":  {DataType: aws.String("String"), StringValue: &d.Verb},
		},
	})
	return awslambda.AsCallError(t.arn, err)
}

var unescapeMarkup = strings.NewReplacer("&amp;", "&", "&lt;", "<", "&gt;", ">")

// eventBus is an EventBridge bus, whose rules match the digest.
type eventBus struct {
	client *eventbridge.Client
	arn    string
}

func (b *eventBus) String() string { return b.arn }

func (b *eventBus) send(ctx context.Context, d *Digest) error {
	detail, err := json.Marshal(d)
	if err != nil {
		return err
	}
	out, err := b.client.PutEvents(ctx, &eventbridge.PutEventsInput{Entries: []eventbridgetypes.PutEventsRequestEntry{{
		EventBusName: &b.arn, Source: aws.String("eventinvoke"), DetailType: aws.String("eventinvoke digest"),
		Detail: aws.String(string(detail)), Time: &d.Time,
	}}})
	if err != nil {
		return awslambda.AsCallError(b.arn, err)
	}
	for _, e := range out.Entries {
		if e.ErrorCode != nil {
			return fmt.Errorf("%s: %s", *e.ErrorCode, aws.ToString(e.ErrorMessage))
		}
	}
	return nil
}
