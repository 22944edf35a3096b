# As the vendor's docker/dockerfiles/fe/fe-ubuntu.Dockerfile leaves it: root runs it, uid 1000 owns it, nothing is started.
FROM scratch
ADD root.tar /
ENV STARROCKS_ROOT=/opt/starrocks PATH=/usr/local/sbin:/usr/local/bin:/usr/sbin:/usr/bin:/sbin:/bin
COPY --chown=1000:1000 fe /opt/starrocks/fe
COPY --chown=1000:1000 *_entrypoint.sh *_prestop.sh /opt/starrocks/
WORKDIR /opt/starrocks
