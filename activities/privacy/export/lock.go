package export

import (
	"context"
	"errors"
	"fmt"
	"io"
	"strings"
	"unicode"
	"unicode/utf8"

	"filippo.io/age"
)

// LockKind is what opens an export.
type LockKind string

const (
	// ByRecipient: a private key of the person's own.
	ByRecipient LockKind = "recipient"
	// ByPassphrase: a passphrase that is kept nowhere.
	ByPassphrase LockKind = "passphrase"
)

// Lock is what an export is encrypted to: exactly one of its fields. It travels sealed in
// the person's own workflow and is never logged or stored elsewhere.
type Lock struct {
	// Recipient is a public key as age-keygen prints it.
	Recipient  string `json:"recipient,omitempty"`
	Passphrase string `json:"passphrase,omitempty"`
}

// String keeps what opens an export out of logs.
func (l Lock) String() string { return "a lock by " + string(l.Kind()) }

// GoString is for %#v.
func (l Lock) GoString() string { return l.String() }

// Kind is what opens it.
func (l Lock) Kind() LockKind {
	if l.Passphrase != "" {
		return ByPassphrase
	}
	return ByRecipient
}

// WorkFactor is the logarithm of scrypt's N. It takes 1 KiB for each of its N, 64 MiB in
// all, which a server can spare; age's own default takes four times as much. A guess is
// that much cheaper, which is why passphrases are held to [CheckPassphrase].
const WorkFactor = 16

// scrypts lets one passphrase at a time be worked on in a process, to bound memory.
var scrypts = make(chan struct{}, 1)

// workOn runs what takes scrypt's memory, when its turn has come.
func workOn(ctx context.Context, do func() error) error {
	select {
	case scrypts <- struct{}{}:
		defer func() { <-scrypts }()
		return do()
	case <-ctx.Done():
		return ctx.Err()
	}
}

// recipient reads the lock. Errors never quote it.
func (l Lock) recipient() (age.Recipient, error) {
	if (l.Recipient == "") == (l.Passphrase == "") {
		return nil, errors.New("an export is encrypted to either a public key or a passphrase")
	}
	if l.Passphrase != "" {
		r, err := age.NewScryptRecipient(l.Passphrase)
		if err != nil {
			return nil, errors.New("the passphrase cannot be used")
		}
		r.SetWorkFactor(WorkFactor)
		return r, nil
	}
	return parseRecipient(l.Recipient)
}

func parseRecipient(text string) (age.Recipient, error) {
	if strings.HasPrefix(text, "age1pq1") {
		if r, err := age.ParseHybridRecipient(text); err == nil {
			return r, nil
		}
	} else if r, err := age.ParseX25519Recipient(text); err == nil {
		return r, nil
	}
	return nil, errors.New("that is no public key as age-keygen prints it")
}

// CheckRecipient reports whether a text is a public key that exports can be encrypted to.
func CheckRecipient(text string) bool {
	_, err := parseRecipient(text)
	return err == nil
}

// Encrypt begins the encrypted file.
func (l Lock) Encrypt(ctx context.Context, w io.Writer) (encrypting io.WriteCloser, err error) {
	to, err := l.recipient()
	if err != nil {
		return nil, err
	}
	begin := func() error {
		if encrypting, err = age.Encrypt(w, to); err != nil {
			return fmt.Errorf("begin to encrypt: %w", err)
		}
		return nil
	}
	if l.Passphrase != "" {
		err = workOn(ctx, begin)
	} else {
		err = begin()
	}
	return encrypting, err
}

const (
	shortest = 15
	longest  = 256
	// distinctLeast is how many different characters there have to be.
	distinctLeast = 8
	// runLongest is how many characters may follow each other as on a keyboard or in the
	// alphabet.
	runLongest = 5
	// ownLeast is how many letters and digits there have to be besides what is common.
	ownLeast = 10
)

// CheckPassphrase says what is wrong with a passphrase for something that its finder may
// guess at for years: "" for nothing. What it returns is a phrase after "must" and never
// quotes it.
func CheckPassphrase(passphrase string) string {
	characters := []rune(strings.ToLower(passphrase))
	different := map[rune]bool{}
	for _, r := range characters {
		different[r] = true
	}
	switch {
	case !utf8.ValidString(passphrase), strings.ContainsFunc(passphrase, unicode.IsControl):
		return "must be text on one line"
	case len(characters) < shortest:
		return fmt.Sprintf("must have at least %d characters; four or five words that do not belong together are easy to remember", shortest)
	case len(passphrase) > longest:
		return fmt.Sprintf("must have at most %d bytes", longest)
	case len(different) < distinctLeast:
		return fmt.Sprintf("must have at least %d different characters", distinctLeast)
	case repeats(characters):
		return "must not be a few characters over and over"
	case longestRun(characters) > runLongest:
		return "must not follow the keyboard or the alphabet"
	case len(stripped(string(characters))) < ownLeast:
		return "must not be made of what everybody tries first"
	}
	return ""
}

// repeats: all of it is one short piece again and again.
func repeats(characters []rune) bool {
	for length := 1; length <= len(characters)/2; length++ {
		same := true
		for i := length; i < len(characters) && same; i++ {
			same = characters[i] == characters[i-length]
		}
		if same {
			return true
		}
	}
	return false
}

// rows are the orders in which characters are typed without thinking.
var rows = []string{"abcdefghijklmnopqrstuvwxyz", "01234567890", "qwertyuiop", "qwertzuiop", "asdfghjkl", "zxcvbnm", "yxcvbnm", "azertyuiop", "!@#$%^&*()"}

// longestRun is the longest stretch that follows one of the rows, in either direction.
func longestRun(characters []rune) int {
	most := 0
	for _, row := range rows {
		for _, step := range []int{1, -1} {
			run := 1
			for i := 1; i < len(characters); i++ {
				before, here := strings.IndexRune(row, characters[i-1]), strings.IndexRune(row, characters[i])
				if before < 0 || here-before != step {
					run = 0
				}
				run++
				most = max(most, run)
			}
		}
	}
	return most
}

// common are what guessing begins with.
var common = []string{"password", "passphrase", "passwort", "letmein", "welcome", "iloveyou", "correcthorsebatterystaple", "meai", "export", "secret", "admin", "login", "hello"}

// stripped are the letters and digits of a passphrase without those.
func stripped(passphrase string) string {
	passphrase = strings.Map(func(r rune) rune {
		if unicode.IsLetter(r) || unicode.IsDigit(r) {
			return r
		}
		return -1
	}, passphrase)
	for _, word := range common {
		passphrase = strings.ReplaceAll(passphrase, word, "")
	}
	return passphrase
}
