module example.com/{{name}}

go 1.25

require github.com/tripline/tripline/sdk/go v0.0.0

replace github.com/tripline/tripline/sdk/go => ./tripline-sdk
