# As the vendor's docker/dockerfiles/allin1 leaves it, without its supervisord: both homes below /data/deploy.
FROM scratch
ADD root.tar /
ENV SR_HOME=/data/deploy/starrocks PATH=/usr/local/sbin:/usr/local/bin:/usr/sbin:/usr/bin:/sbin:/bin
COPY --chown=1000:1000 fe /data/deploy/starrocks/fe
COPY --chown=1000:1000 be /data/deploy/starrocks/be
WORKDIR /data/deploy
CMD ["./entrypoint.sh"]
