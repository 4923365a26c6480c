##@ Monitoring

.PHONY: monitoring
monitoring: ## Write config/monitoring from the chart's alerts and dashboard
	@go test -count=1 -run TestTheManifestsHaveTheFilesOfTheChart ./test/monitoring -update

.PHONY: test-monitoring
test-monitoring: ## The alerts with promtool, and the dashboard's queries on a real Prometheus that scrapes the operator
	@echo '==> go test ./test/monitoring'
	@$(GOTEST_PLAIN) ./test/monitoring
