module example.org/http-go

go 1.19
