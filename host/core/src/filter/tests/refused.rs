//! What is refused, with which words; and what is warned of. docs/filters.md shows these rows.

/// Pattern, message.
pub(super) const REFUSED: &[(&str, &str)] = &[
    ("", r#"column 1: a pattern is a JSON object; write one such as {"eventName":["INSERT"]}"#),
    ("[]", r#"column 1: a pattern is a JSON object; write one such as {"eventName":["INSERT"]}"#),
    ("{}", r#"column 1: an empty object says nothing; leave it out, or say what must be in it"#),
    (r#"{"eventName":"INSERT"}"#, r#"column 14: "eventName" is neither a list nor an object; write ["INSERT"]"#),
    (r#"{"eventName":["INSERT"}"#, r#"column 23: not JSON: there is no `,` or `]`; a pattern is one JSON object"#),
    (r#"{"eventName":["INSERT"]} x"#, r#"column 26: not JSON: there is no end of the text; a pattern is one JSON object"#),
    (r#"{"eventName":["INSERT",]}"#, r#"column 24: not JSON: there is no value; a pattern is one JSON object"#),
    (r#"{"eventName":[INSERT]}"#, r#"column 15: not JSON: there is no value; a pattern is one JSON object"#),
    (
        r#"{"eventName":[]}"#,
        r#"column 14: "eventName" may be nothing: its list is empty; say what it may be; for any value write [{"exists":true}], for an empty string [""]"#,
    ),
    (r#"{"eventName":[["INSERT"]]}"#, r#"column 15: a list in a list; all values stand in one list: ["a","b"]"#),
    (
        r#"{"eventName":["INSERT"],"eventName":["REMOVE"]}"#,
        r#"column 25: "eventName" stands here twice; write it once; for one of several conditions, use "$or""#,
    ),
    (
        "{\"eventName\":[\"INSERT\"],\n \"dynamodb\":{}}",
        r#"line 2, column 13: an empty object says nothing; leave it out, or say what must be in it"#,
    ),
    (
        r#"{"dynamodb":{"Keys":{"é":{"S":{"prefix":"a"}}}}}"#,
        r#"column 41: "prefix" is neither a list nor an object; operators stand in a list: write [{"prefix":"a"}] where this object begins"#,
    ),
    (
        r#"{"eventName":[{}]}"#,
        r#"column 15: an empty object says nothing; write one of prefix, suffix, equals-ignore-case, wildcard, anything-but, numeric, exists, cidr"#,
    ),
    (
        r#"{"eventName":[{"starts-with":"I"}]}"#,
        r#"column 16: there is no operator "starts-with"; there are prefix, suffix, equals-ignore-case, wildcard, anything-but, numeric, exists, cidr"#,
    ),
    (r#"{"eventName":[{"wildcrd":"I*"}]}"#, r#"column 16: there is no operator "wildcrd"; did you mean "wildcard"?"#),
    (
        r#"{"eventName":[{"prefix":"I","suffix":"T"}]}"#,
        r#"column 29: a second operator in one object: "suffix"; write an object for each: one of them must hold"#,
    ),
    (r#"{"eventName":[{"prefix":1}]}"#, r#"column 25: "prefix" takes a string; write {"prefix":"…"}"#),
    (
        r#"{"eventName":[{"prefix":{"equals-ignore-case":1}}]}"#,
        r#"column 47: "equals-ignore-case" takes a string; write {"equals-ignore-case":"…"}"#,
    ),
    (
        r#"{"eventName":[{"suffix":{"anything":"x"}}]}"#,
        r#"column 26: "suffix" takes a string, or one key; write {"suffix":{"equals-ignore-case":"…"}}"#,
    ),
    (r#"{"eventName":[{"wildcard":"a**"}]}"#, r#"column 27: two stars in a row are one; write one `*`"#),
    (
        r#"{"eventName":[{"wildcard":"a\\b"}]}"#,
        r#"column 27: a backslash in a wildcard stands before `*` or another backslash; write `\\\\` in the JSON for one backslash"#,
    ),
    (r#"{"eventName":[{"exists":"yes"}]}"#, r#"column 25: "exists" takes true or false; write {"exists":true}"#),
    (r#"{"eventID":[{"cidr":"10.0.0/8"}]}"#, r#"column 21: "10.0.0/8" is no network; write one such as "10.0.0.0/8" or "2001:db8::/32""#),
    (
        r#"{"eventID":[{"anything-but":[]}]}"#,
        r#"column 29: "anything-but" excludes nothing: its list is empty; for any value write {"exists":true}"#,
    ),
    (
        r#"{"eventID":[{"anything-but":{"numeric":["<",5]}}]}"#,
        r#"column 30: "anything-but" knows no "numeric"; it takes a value, a list of values, or one of prefix, suffix, equals-ignore-case, wildcard"#,
    ),
    (
        r#"{"eventID":[{"anything-but":{"prefix":[]}}]}"#,
        r#"column 29: "anything-but" excludes nothing; it takes a value, a list of values, or one of prefix, suffix, equals-ignore-case, wildcard"#,
    ),
    (
        r#"{"dynamodb":{"SizeBytes":[{"numeric":5}]}}"#,
        r#"column 38: "numeric" takes a list; write such as ["=",5], ["<",5] or [">=",0,"<",5]: the lower bound first"#,
    ),
    (
        r#"{"dynamodb":{"SizeBytes":[{"numeric":["<"]}]}}"#,
        r#"column 38: a number must follow "<"; write such as ["=",5], ["<",5] or [">=",0,"<",5]: the lower bound first"#,
    ),
    (
        r#"{"dynamodb":{"SizeBytes":[{"numeric":["<","5"]}]}}"#,
        r#"column 43: a number must follow "<"; write such as ["=",5], ["<",5] or [">=",0,"<",5]: the lower bound first"#,
    ),
    (
        r#"{"dynamodb":{"SizeBytes":[{"numeric":["<",5,">",1]}]}}"#,
        r#"column 38: "numeric" takes one bound, or a lower and an upper one; write such as ["=",5], ["<",5] or [">=",0,"<",5]: the lower bound first"#,
    ),
    (
        r#"{"dynamodb":{"SizeBytes":[{"numeric":["!=",5]}]}}"#,
        r#"column 38: "numeric" takes one bound, or a lower and an upper one; write such as ["=",5], ["<",5] or [">=",0,"<",5]: the lower bound first"#,
    ),
    (
        r#"{"dynamodb":{"SizeBytes":[123456789012345678901234567890123456789]}}"#,
        r#"column 27: `123456789012345678901234567890123456789` has more than 38 digits; no number in DynamoDB has more"#,
    ),
    (r#"{"dynamodb":{"SizeBytes":[007]}}"#, r#"column 27: `007` is no number as JSON has them; write one such as 100, -0.5 or 1e9"#),
    (r#"{"$or":{"eventName":["INSERT"]}}"#, r#"column 8: "$or" is no list; write "$or":[{…},{…}], with an object for each choice"#),
    (
        r#"{"$or":[{"eventName":["INSERT"]}]}"#,
        r#"column 8: "$or" has fewer than two choices; write "$or":[{…},{…}], with an object for each choice"#,
    ),
    (
        r#"{"$or":["INSERT","REMOVE"]}"#,
        r#"column 9: a choice of "$or" is no object; write "$or":[{…},{…}], with an object for each choice"#,
    ),
    (r#"{"eventName":["\ud800"]}"#, r#"column 15: not JSON: there is no string with valid escapes; a pattern is one JSON object"#),
];

/// Pattern, the stream's view where it matters, what is said.
pub(super) const WARNED: &[(&str, Option<&str>, &[&str])] = &[
    // Nothing to say.
    (r#"{"eventName":["INSERT"],"dynamodb":{"NewImage":{"plan":{"S":["pro"]}}}}"#, Some("NEW_IMAGE"), &[]),
    (r#"{"dynamodb":{"OldImage":{"plan":{"S":[{"exists":false}]}}}}"#, Some("KEYS_ONLY"), &[]),
    (r#"{"eventName":["INSERT"],"dynamodb":{"OldImage":{"plan":{"S":[{"exists":false}]}}}}"#, None, &[]),
    (r#"{"$or":[{"eventName":["REMOVE"],"dynamodb":{"OldImage":{"a":{"N":["1e2"]}}}},{"eventName":["INSERT"]}]}"#, None, &[]),
    (r#"{"dynamodb":{"NewImage":{"a":{"N":[{"prefix":"1"}]},"b":{"L":{"M":{"eventname":{"S":["x"]}}}}}}}"#, None, &[]),
    (r#"{"dynamodb":{"SizeBytes":["10"],"StreamViewType":["NEW_IMAGE"]}}"#, Some("NEW_IMAGE"), &[]),
    // Images.
    (
        r#"{"dynamodb":{"NewImage":{"plan":{"S":["pro"]}}}}"#,
        Some("KEYS_ONLY"),
        &[
            r#"never: column 14: the stream holds KEYS_ONLY: its records have no NewImage; enable it with NEW_IMAGE or NEW_AND_OLD_IMAGES, or test Keys instead"#,
        ],
    ),
    (
        r#"{"dynamodb":{"OldImage":{"plan":{"S":["pro"]}}}}"#,
        Some("NEW_IMAGE"),
        &[
            r#"never: column 14: the stream holds NEW_IMAGE: its records have no OldImage; enable it with OLD_IMAGE or NEW_AND_OLD_IMAGES, or test Keys instead"#,
        ],
    ),
    (
        r#"{"eventName":["INSERT"],"dynamodb":{"OldImage":{"plan":{"S":["pro"]}}}}"#,
        None,
        &[
            r#"never: column 37: the rest of the pattern leaves only INSERT, and a change of that kind has no OldImage; test NewImage instead, or let MODIFY or REMOVE through"#,
        ],
    ),
    (
        r#"{"dynamodb":{"NewImage":{"plan":{"S":["pro"]}}},"eventName":["REMOVE"]}"#,
        None,
        &[
            r#"never: column 14: the rest of the pattern leaves only REMOVE, and a change of that kind has no NewImage; test OldImage instead, or let INSERT or MODIFY through"#,
        ],
    ),
    (
        r#"{"eventName":["INSERT","REMOVE"],"dynamodb":{"OldImage":{"a":{"S":["x"]}},"NewImage":{"a":{"S":["y"]}}}}"#,
        None,
        &[
            r#"never: column 75: the rest of the pattern leaves only REMOVE, and a change of that kind has no NewImage; test OldImage instead, or let INSERT or MODIFY through"#,
        ],
    ),
    // The event's names.
    (
        r#"{"eventName":["insert"]}"#,
        None,
        &[r#"never: column 15: "eventName" is never so: it is one of INSERT, MODIFY, REMOVE; did you mean "INSERT"?"#],
    ),
    (
        r#"{"eventName":["INSERT","UPDATE"]}"#,
        None,
        &[r#"column 24: "eventName" is never so: it is one of INSERT, MODIFY, REMOVE; did you mean "MODIFY"?"#],
    ),
    (
        r#"{"eventName":[{"prefix":"ins"}]}"#,
        None,
        &[r#"never: column 15: "eventName" is never so: it is one of INSERT, MODIFY, REMOVE; leave this alternative out"#],
    ),
    (
        r#"{"eventName":{"anything-but":["REMOVE"]}}"#,
        None,
        &[
            r#"never: column 2: "eventName" is a value, and has nothing below it; operators stand in a list: "eventName":[{"anything-but":…}]"#,
        ],
    ),
    (r#"{"eventname":["INSERT"]}"#, None, &[r#"never: column 2: an event has no key "eventname"; did you mean "eventName"?"#]),
    (r#"{"NewImage":{"plan":{"S":["pro"]}}}"#, None, &[r#"never: column 2: an event has no key "NewImage"; it stands in "dynamodb""#]),
    (
        r#"{"plan":{"S":["pro"]}}"#,
        None,
        &[r#"never: column 2: an event has no key "plan"; attributes stand in "dynamodb", in "NewImage", "OldImage" or "Keys""#],
    ),
    (
        r#"{"dynamodb":{"newImage":{"plan":{"S":["pro"]}}}}"#,
        None,
        &[r#"never: column 14: "dynamodb" has no key "newImage"; did you mean "NewImage"?"#],
    ),
    (
        r#"{"dynamodb":{"plan":{"S":["pro"]}}}"#,
        None,
        &[r#"never: column 14: "dynamodb" has no key "plan"; attributes stand in "NewImage", "OldImage" or "Keys""#],
    ),
    (
        r#"{"dynamodb":{"StreamViewType":["NEW_IMAGE"]}}"#,
        Some("KEYS_ONLY"),
        &[r#"never: column 32: "StreamViewType" is always KEYS_ONLY here; leave this alternative out"#],
    ),
    (r#"{"userIdentity":{"Type":["Service"]}}"#, None, &[r#"never: column 18: "userIdentity" has no key "Type"; did you mean "type"?"#]),
    (
        r#"{"userIdentity":["Service"]}"#,
        None,
        &[r#"never: column 2: "userIdentity" is an object; name one of its keys: "userIdentity":{"KEY":["Service"]}"#],
    ),
    // Types.
    (
        r#"{"dynamodb":{"NewImage":{"plan":["pro"]}}}"#,
        None,
        &[r#"never: column 26: the value of "plan" stands in an object, with its type; write "plan":{"S":["pro"]}"#],
    ),
    (
        r#"{"dynamodb":{"NewImage":{"n":[{"numeric":[">",5]}]}}}"#,
        None,
        &[r#"never: column 26: the value of "n" stands in an object, with its type; write "n":{"N":[{"numeric":[">",5]}]}"#],
    ),
    (
        r#"{"dynamodb":{"NewImage":{"plan":[{"exists":false}]}}}"#,
        None,
        &[
            r#"column 26: the value of "plan" stands in an object, with its type: that it is not there always holds; write "plan":{"S":[{"exists":false}]}"#,
        ],
    ),
    (
        r#"{"dynamodb":{"NewImage":[{"exists":true}]}}"#,
        None,
        &[r#"never: column 14: "NewImage" is an object of attributes; name one: "NewImage":{"ATTRIBUTE":{"S":[{"exists":true}]}}"#],
    ),
    (
        r#"{"dynamodb":{"NewImage":{"plan":{"s":["pro"]}}}}"#,
        None,
        &[r#"never: column 34: "s" is no type of DynamoDB's; did you mean "S"?"#],
    ),
    (
        r#"{"dynamodb":{"NewImage":{"address":{"city":{"S":["Bern"]}}}}}"#,
        None,
        &[r#"never: column 37: "city" is no type of DynamoDB's; for an attribute of a map, write {"M":{"city":…}}"#],
    ),
    (
        r#"{"dynamodb":{"NewImage":{"lines":{"L":{"0":{"S":["a"]}}}}}}"#,
        None,
        &[
            r#"never: column 40: "0" is no type of DynamoDB's; elements of a list are not numbered: leave the number out, and any of them may match"#,
        ],
    ),
    (
        r#"{"dynamodb":{"NewImage":{"lines":{"L":["a"]}}}}"#,
        None,
        &[r#"never: column 35: elements of "L" are objects with the types of their values; write "L":{"S":["a"]}"#],
    ),
    (
        r#"{"dynamodb":{"NewImage":{"plan":{"S":{"anything-but":["pro"]}}}}}"#,
        None,
        &[r#"never: column 34: "S" is a value, and has nothing below it; operators stand in a list: "S":[{"anything-but":…}]"#],
    ),
    (
        r#"{"dynamodb":{"NewImage":{"plan":{"S":{"tier":["pro"]}}}}}"#,
        None,
        &[r#"never: column 34: "S" is a value, and has nothing below it; write a list of what it may be: "S":[…]"#],
    ),
    (
        r#"{"dynamodb":{"NewImage":{"n":{"S":["1"],"N":[1]}}}}"#,
        None,
        &[r#"never: column 41: a value has one type, and this wants S and N of the same; for one or the other, write "$or":[{…},{…}]"#],
    ),
    // Values.
    (
        r#"{"dynamodb":{"NewImage":{"n":{"S":[100]}}}}"#,
        None,
        &[r#"never: column 36: "S" holds strings, and no string is a number; write "100", or test "N""#],
    ),
    (
        r#"{"dynamodb":{"NewImage":{"n":{"S":[{"numeric":[">",5]},"many"]}}}}"#,
        None,
        &[r#"column 36: "S" holds strings: `numeric` is never true of it; test "N" or "NS""#],
    ),
    (
        r#"{"dynamodb":{"NewImage":{"n":{"N":["many"]}}}}"#,
        None,
        &[r#"never: column 36: "N" is a number, and never "many"; write a number of at most 38 digits, or `numeric`"#],
    ),
    (
        r#"{"dynamodb":{"NewImage":{"n":{"N":[{"numeric":[">",10,"<",5]}]}}}}"#,
        None,
        &[r#"never: column 36: no number is in this range; write the lower bound first, and the higher one second"#],
    ),
    (
        r#"{"dynamodb":{"NewImage":{"n":{"N":[{"numeric":[">",5,"<",5]}]}}}}"#,
        None,
        &[r#"never: column 36: no number is in this range; write the lower bound first, and the higher one second"#],
    ),
    (
        r#"{"dynamodb":{"NewImage":{"on":{"BOOL":["true"]}}}}"#,
        None,
        &[r#"never: column 40: "BOOL" is true or false, and nothing else; write true or false, without quotes"#],
    ),
    (r#"{"dynamodb":{"NewImage":{"gone":{"NULL":[false]}}}}"#, None, &[r#"never: column 42: "NULL" is always true; write [true]"#]),
    (
        r#"{"dynamodb":{"NewImage":{"gone":{"S":[null]}}}}"#,
        None,
        &[r#"never: column 39: "S" is never null; for DynamoDB's null write {"NULL":[true]}"#],
    ),
    (
        r#"{"dynamodb":{"SequenceNumber":[{"numeric":[">",5]}]}}"#,
        None,
        &[r#"never: column 32: "SequenceNumber" is a string, and no number; compare it with strings"#],
    ),
    // One of several choices.
    (
        r#"{"$or":[{"eventName":["insert"]},{"eventName":["REMOVE"]}]}"#,
        None,
        &[r#"column 23: "eventName" is never so: it is one of INSERT, MODIFY, REMOVE; did you mean "INSERT"?"#],
    ),
];
