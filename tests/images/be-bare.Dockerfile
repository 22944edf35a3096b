# Nothing but the engine, and the programs its own start script calls.
FROM scratch
COPY root /
COPY be /opt/starrocks/be
