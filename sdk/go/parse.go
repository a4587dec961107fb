package tripline

import (
	"encoding/base64"
	"fmt"
	"strings"
	"unicode/utf16"
	"unicode/utf8"
)

// DynamoDB itself nests 32 deep.
const depthMax = 64

// A reader of DynamoDB JSON and of nothing else. Strings without escapes are parts of the text: nothing is copied.
type parser struct {
	text string
	at   int
	// Which attributes of the item are read; nil: all. Others are bracketed, and not looked into.
	wanted func(name string) bool
}

func (p *parser) wrong(wanted string) error {
	return fmt.Errorf("%s is wanted at byte %d", wanted, p.at)
}

// The next byte that is no space; 0 at the end.
func (p *parser) peek() byte {
	for ; p.at < len(p.text); p.at++ {
		switch p.text[p.at] {
		case ' ', '\t', '\n', '\r':
		default:
			return p.text[p.at]
		}
	}
	return 0
}

func (p *parser) expect(one byte) error {
	if p.peek() != one {
		return p.wrong(fmt.Sprintf("`%c`", one))
	}
	p.at++
	return nil
}

// What stands between `open` and `shut`, with commas.
func (p *parser) each(open, shut byte, one func() error) error {
	if err := p.expect(open); err != nil {
		return err
	}
	if p.peek() == shut {
		p.at++
		return nil
	}
	for {
		if err := one(); err != nil {
			return err
		}
		if p.peek() == shut {
			p.at++
			return nil
		}
		if err := p.expect(','); err != nil {
			return err
		}
	}
}

func (p *parser) item(depth int) (Item, error) {
	if depth > depthMax {
		return nil, p.wrong("an end of the nesting")
	}
	item := make(Item, 8)
	err := p.each('{', '}', func() error {
		name, err := p.name()
		if err != nil {
			return err
		}
		if depth == 0 && p.wanted != nil && !p.wanted(name) {
			return p.skip()
		}
		item[name], err = p.value(depth + 1)
		return err
	})
	return item, err
}

// Past a value, by its brackets.
func (p *parser) skip() error {
	if p.peek() != '{' {
		return p.wrong("`{`")
	}
	for depth := 0; p.at < len(p.text); {
		switch p.text[p.at] {
		case '{', '[':
			depth++
		case '}', ']':
			depth--
		case '"':
			if _, err := p.str(); err != nil {
				return err
			}
			continue
		}
		p.at++
		if depth == 0 {
			return nil
		}
	}
	return p.wrong("an end of the value")
}

func (p *parser) name() (string, error) {
	name, err := p.str()
	if err != nil {
		return "", err
	}
	return name, p.expect(':')
}

// {"S":"…"} and the like.
func (p *parser) value(depth int) (any, error) {
	if err := p.expect('{'); err != nil {
		return nil, err
	}
	kind, err := p.name()
	if err != nil {
		return nil, err
	}
	value, err := p.of(kind, depth)
	if err != nil {
		return nil, err
	}
	return value, p.expect('}')
}

func (p *parser) of(kind string, depth int) (any, error) {
	switch kind {
	case "S":
		return p.str()
	case "N":
		text, err := p.str()
		return Number(text), err
	case "B":
		return p.binary()
	case "BOOL":
		return p.boolean()
	case "NULL":
		_, err := p.boolean()
		return nil, err
	case "M":
		return p.item(depth)
	case "L":
		return p.list(depth)
	case "SS":
		var set StringSet
		err := p.each('[', ']', func() error { return add(&set, p.str) })
		return set, err
	case "NS":
		var set NumberSet
		err := p.each('[', ']', func() error {
			text, err := p.str()
			set = append(set, Number(text))
			return err
		})
		return set, err
	case "BS":
		var set BinarySet
		err := p.each('[', ']', func() error { return add(&set, p.binary) })
		return set, err
	default:
		return nil, p.wrong("a type of DynamoDB's, not `" + kind + "`,")
	}
}

func add[S ~[]T, T any](set *S, read func() (T, error)) error {
	value, err := read()
	*set = append(*set, value)
	return err
}

func (p *parser) list(depth int) (any, error) {
	if depth > depthMax {
		return nil, p.wrong("an end of the nesting")
	}
	list := []any{}
	err := p.each('[', ']', func() error {
		value, err := p.value(depth + 1)
		list = append(list, value)
		return err
	})
	return list, err
}

func (p *parser) binary() ([]byte, error) {
	text, err := p.str()
	if err != nil {
		return nil, err
	}
	bytes, err := base64.StdEncoding.DecodeString(text)
	if err != nil {
		return nil, p.wrong("base64")
	}
	return bytes, nil
}

func (p *parser) boolean() (bool, error) {
	p.peek()
	rest := p.text[p.at:]
	if strings.HasPrefix(rest, "true") {
		p.at += len("true")
		return true, nil
	}
	if strings.HasPrefix(rest, "false") {
		p.at += len("false")
		return false, nil
	}
	return false, p.wrong("`true` or `false`")
}

func (p *parser) str() (string, error) {
	if err := p.expect('"'); err != nil {
		return "", err
	}
	begin := p.at
	for ; p.at < len(p.text); p.at++ {
		switch one := p.text[p.at]; {
		case one == '"':
			p.at++
			return p.text[begin : p.at-1], nil
		case one == '\\':
			return p.escaped(begin)
		case one < ' ':
			return "", p.wrong("an escape")
		}
	}
	return "", p.wrong("an end of the string")
}

// A string from its first escape on.
func (p *parser) escaped(begin int) (string, error) {
	text := []byte(p.text[begin:p.at])
	for p.at < len(p.text) {
		one := p.text[p.at]
		p.at++
		switch {
		case one == '"':
			return string(text), nil
		case one == '\\':
			var err error
			if text, err = p.escape(text); err != nil {
				return "", err
			}
		case one < ' ':
			return "", p.wrong("an escape")
		default:
			text = append(text, one)
		}
	}
	return "", p.wrong("an end of the string")
}

const (
	escapes = `"\/bfnrt`
	meant   = "\"\\/\b\f\n\r\t"
)

func (p *parser) escape(text []byte) ([]byte, error) {
	if p.at >= len(p.text) {
		return nil, p.wrong("an escape")
	}
	one := p.text[p.at]
	if at := strings.IndexByte(escapes, one); at >= 0 {
		p.at++
		return append(text, meant[at]), nil
	}
	if one != 'u' {
		return nil, p.wrong("an escape")
	}
	p.at++
	first, err := p.hex()
	if err != nil {
		return nil, err
	}
	if utf16.IsSurrogate(first) {
		// Half a character is no text: it becomes the sign for that.
		second := rune(utf8.RuneError)
		if strings.HasPrefix(p.text[p.at:], `\u`) {
			back := p.at
			p.at += 2
			if second, err = p.hex(); err != nil {
				return nil, err
			}
			if first = utf16.DecodeRune(first, second); first == utf8.RuneError {
				p.at = back
			}
		} else {
			first = utf8.RuneError
		}
	}
	return utf8.AppendRune(text, first), nil
}

func (p *parser) hex() (rune, error) {
	var value rune
	for range 4 {
		if p.at >= len(p.text) {
			return 0, p.wrong("a digit")
		}
		digit := strings.IndexByte("0123456789abcdef", p.text[p.at]|0x20)
		if digit < 0 || (digit < 10 && p.text[p.at] < '0') {
			return 0, p.wrong("a hexadecimal digit")
		}
		value = value<<4 | rune(digit)
		p.at++
	}
	return value, nil
}
