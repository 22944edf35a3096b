# As Prometheus' own image: its program is the entrypoint, and /prometheus is where its data is.
FROM scratch
ADD root.tar /
WORKDIR /prometheus
ENTRYPOINT ["/usr/bin/prometheus"]
