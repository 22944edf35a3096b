# Nothing but the engine, and the programs its own start script calls.
FROM scratch
COPY root /
COPY fe /opt/starrocks/fe
