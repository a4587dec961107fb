module github.com/tripline/tripline/sdk/go

go 1.25
