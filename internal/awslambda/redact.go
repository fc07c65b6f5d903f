package awslambda

import (
	"net/url"
	"os"
	"regexp"
	"strings"
)

// redacted stands where a secret was.
const redacted = "[redacted]"

// The shortest values that are taken for secrets: a placeholder such as "x" must
// not be taken out of every word. AWS's own keys have 16 characters and more.
const (
	shortestKey      = 16
	shortestPassword = 4
	shortestIDSecret = 8
)

var (
	// signedParts are the parts of a signed request that AWS, or a proxy, may give
	// back in an error: the Authorization header, the token beside it, and access
	// keys, whosever they are.
	signedParts = regexp.MustCompile(
		`(?i)AWS4-HMAC-SHA256\s+Credential=[^\s"<]*(?:,\s*SignedHeaders=[^\s"<]*)?(?:,\s*Signature=[0-9a-f]*)?` +
			`|\b(?:Signature|X-Amz-Signature|X-Amz-Credential)=[^\s"<&,]*` +
			`|\bX-Amz-Security-Token["']?\s*[:=]\s*["']?[^\s"'<&,]*` +
			`|\b(?:AKIA|ASIA)[A-Z0-9]{12,}\b`)
	// secretParameter is a query parameter that holds a secret by its name.
	secretParameter = regexp.MustCompile(`(?i)([?&;][^=&;#\s]*(?:token|secret|passw|pwd|signature|credential|key)[^=&;#\s]*=)[^&;#\s"']*`)
	// userInText is what stands before the host of a URL, in a text around it. Where
	// the URL is quoted, a password may have spaces.
	userInText = regexp.MustCompile(`(?i)([a-z][a-z0-9+.-]*:[/\\]+)[^\s"'<>]*@|(["'][a-z][a-z0-9+.-]*:[/\\]+)[^"'\n]*@`)
	// scheme is what a URL begins with, also where a slash is missing.
	scheme = regexp.MustCompile(`(?i)^\s*(?:[a-z][a-z0-9+.-]*:)?[/\\]+|^\s*(?:https?|s3|socks5h?):`)
)

// RedactURL takes user name, password and secret parameters out of a URL, whether
// it can be parsed or not: everything up to its last @ goes, since no rule tells
// where the password ends in a URL that breaks the rules.
func RedactURL(s string) string {
	if at := strings.LastIndex(s, "@"); at >= 0 {
		s = scheme.FindString(s[:at]) + redacted + s[at:]
	}
	return secretParameter.ReplaceAllString(s, "${1}"+redacted)
}

// RedactText does the same with every URL within a text. What is not a URL, such as
// the ARN of a session that is named after an address, stays.
func RedactText(s string) string {
	return secretParameter.ReplaceAllString(userInText.ReplaceAllString(s, "${1}${2}"+redacted+"@"), "${1}"+redacted)
}

// hostOf is the part of a request's URL that may be shown.
func hostOf(s string) string {
	u, err := url.Parse(s)
	if err != nil || u.Host == "" {
		return RedactURL(s)
	}
	return u.Scheme + "://" + u.Host
}

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

// environmentSecrets are the passwords in the URLs that the environment sets for
// requests: whoever cannot use such a URL may quote it.
func environmentSecrets() (all secrets) {
	for _, variable := range os.Environ() {
		name, value, _ := strings.Cut(variable, "=")
		name = strings.ToUpper(name)
		at := strings.LastIndex(value, "@")
		if at < 0 || !strings.HasSuffix(name, "_PROXY") && !strings.HasPrefix(name, "AWS_ENDPOINT_URL") {
			continue
		}
		user := value[len(scheme.FindString(value[:at])):at]
		_, password, _ := strings.Cut(user, ":")
		all = all.with(password, shortestPassword)
		if plain, err := url.PathUnescape(password); err == nil && plain != password {
			all = all.with(plain, shortestPassword)
		}
	}
	return all
}

// scrub takes the secrets out of a text.
func (s secrets) scrub(text string) string {
	for _, value := range s {
		text = strings.ReplaceAll(text, value, redacted)
	}
	return signedParts.ReplaceAllString(RedactText(text), redacted)
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
