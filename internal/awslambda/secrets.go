package awslambda

import (
	"net/url"
	"regexp"
	"strings"
)

// redacted stands where a secret was.
const redacted = "[redacted]"

// The shortest values that are taken for secrets: a placeholder such as "x" must
// not be taken out of every word. AWS's own keys have 16 characters and more.
const (
	shortestKey        = 16
	shortestExternalID = 8
)

// signedParts are the parts of a signed request that AWS, or a proxy, may give
// back in an error: the Authorization header, the token beside it, and access
// keys, whosever they are.
var signedParts = regexp.MustCompile(
	`(?i)AWS4-HMAC-SHA256\s+Credential=[^\s"<]*(?:,\s*SignedHeaders=[^\s"<]*)?(?:,\s*Signature=[0-9a-f]*)?` +
		`|\b(?:Signature|X-Amz-Signature|X-Amz-Credential)=[^\s"<&,]*` +
		`|\bX-Amz-Security-Token["']?\s*[:=]\s*["']?[^\s"'<&,]*` +
		`|\b(?:AKIA|ASIA)[A-Z0-9]{12,}\b`)

// secrets are what no error may show, whoever wrote it.
type secrets []string

func (s secrets) with(value string, shortest int) secrets {
	if len(value) < shortest {
		return s
	}
	s = append(s, value)
	if escaped := url.QueryEscape(value); escaped != value {
		s = append(s, escaped)
	}
	return s
}

// scrub takes the secrets out of a text.
func (s secrets) scrub(text string) string {
	for _, value := range s {
		text = strings.ReplaceAll(text, value, redacted)
	}
	return signedParts.ReplaceAllString(text, redacted)
}

// scrubbed is an error whose text has no secret in it.
type scrubbed struct {
	text string
	err  error
}

func (e *scrubbed) Error() string { return e.text }
func (e *scrubbed) Unwrap() error { return e.err }

func (s secrets) scrubError(err error) error {
	if err == nil {
		return nil
	}
	text := err.Error()
	clean := s.scrub(text)
	if clean == text {
		return err
	}
	return &scrubbed{text: clean, err: err}
}
